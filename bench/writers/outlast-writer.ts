import pino from 'pino';
import { LogHints } from '../../src/chunks/log-hints.ts';
import { LogWriter } from '../../src/chunks/log-writer.ts';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import { openCountedDatabase } from './counted-database.ts';
import type { Writer, WriterTarget } from './writer.ts';

/** Milliseconds between flushes under load: what a server has by default. */
const FLUSH_INTERVAL_MS = 1;

/** The product's own: fence, group commit and hints, as a worker of the product writes. */
export function openOutlastWriter({ databaseUrl, executions, lastSeq }: WriterTarget): Writer {
  const db = openCountedDatabase(databaseUrl, 'log-append');
  const logger = pino({ level: 'error' });
  const end = new AbortController();
  const writer = new LogWriter({
    db,
    recentRows: new RecentRows(),
    hints: new LogHints(db, logger),
    logger,
    flushIntervalMs: FLUSH_INTERVAL_MS,
  });
  const fail = (error: Error) => {
    if (!end.signal.aborted) throw error;
  };
  const logs = executions.map(({ id, no }) =>
    writer.open({
      db,
      owner: { executionId: id, executionNo: no, tenantId: OPEN_SCOPE.tenantId, attempt: 1 },
      lastSeq,
      signal: end.signal,
      onLost: fail,
    }),
  );
  return {
    append: (execution, chunk) => void logs[execution]?.append(1, chunk),
    drained: async (execution) => logs[execution]?.drained(),
    get committed() {
      return logs.reduce((sum, log) => sum + log.lastSeq - lastSeq, 0);
    },
    get commits() {
      return db.ran;
    },
    close: async () => {
      await Promise.all(logs.map((log) => log.drained()));
      for (const log of logs) log.close();
      end.abort(new Error('Measured'));
      await writer.stop(new Error('Measured'));
      await db.close();
    },
  };
}
