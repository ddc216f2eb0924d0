import pino from 'pino';
import { LogWriter } from '../../src/chunks/log-writer.ts';
import { readLog } from '../../src/chunks/read-log.ts';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import type { Contestant } from './log-under-test.ts';

/** The product's own writer and reader. */
export function outlastLog(flushIntervalMs: number): Contestant {
  return {
    name: `Outlast, flushes ${flushIntervalMs} ms apart`,
    open(db, executions, deliver) {
      const recentRows = new RecentRows();
      const writer = new LogWriter({ db, recentRows, logger: pino({ level: 'error' }), flushIntervalMs });
      const end = new AbortController();
      const logs = executions.map(({ id, no }) =>
        writer.open({
          owner: { executionId: id, executionNo: no, tenantId: 'bench', attempt: 1 },
          lastSeq: 0,
          signal: end.signal,
          onLost: () => undefined,
        }),
      );
      const readers = executions.map(async ({ no }, execution) => {
        // One signal each, as each connection has: on a shared one, adding a listener looks at all that are there.
        const { signal } = forward(end.signal);
        for await (const lines of readLog(db, recentRows, no, { after: 0, signal })) {
          for (const line of lines) deliver(execution, line.seq, line.chunk);
        }
      });
      return {
        append: (execution, chunk) => void logs[execution]?.append(1, chunk),
        close: async () => {
          await Promise.all(logs.map((log) => log.drained()));
          for (const log of logs) log.close();
          end.abort(new Error('Measured'));
          await Promise.all(readers);
          await writer.stop(new Error('Measured'));
        },
      };
    },
  };
}

function forward(signal: AbortSignal): AbortController {
  const controller = new AbortController();
  signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller;
}
