import type { ExecutionLog } from '../../src/chunks/execution-log.ts';
import type { LogOwner } from '../../src/chunks/insert-rows.ts';
import { LogWriter } from '../../src/chunks/log-writer.ts';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import type { Database } from '../../src/db/database.ts';
import { insertManyRunning, insertRunning } from './log-database.ts';
import { silentLog } from './silent-log.ts';

/** A writer with what it writes to; counts the statements that append. */
export interface CountingWriter {
  readonly writer: LogWriter;
  readonly recentRows: RecentRows;
  /** The rows of each appending statement, in the order of sending. */
  readonly batches: number[];
  /** Most appending statements that were under way at once. */
  mostAtOnce(): number;
  /** When each appending statement was sent, by the monotonic clock. */
  readonly sentAt: number[];
}

export function openWriter(db: Database, flushIntervalMs = 0): CountingWriter {
  const recentRows = new RecentRows();
  const batches: number[] = [];
  const sentAt: number[] = [];
  let underWay = 0;
  let most = 0;
  const pool = db.pool;
  const counting = Object.create(pool) as typeof pool;
  const query = pool.query.bind(pool) as unknown as (...args: unknown[]) => Promise<unknown>;
  counting.query = (async (...args: unknown[]) => {
    const [statement] = args as [{ name?: string; values: unknown[][] }];
    if (statement.name !== 'log-append') return query(...args);
    batches.push(statement.values[0]?.length ?? 0);
    sentAt.push(performance.now());
    most = Math.max(most, ++underWay);
    return query(...args).finally(() => underWay--);
  }) as unknown as typeof pool.query;
  const writer = new LogWriter({
    db: { ...db, pool: counting },
    recentRows,
    logger: silentLog,
    flushIntervalMs,
  });
  return { writer, recentRows, batches, sentAt, mostAtOnce: () => most };
}

export interface OpenedLog {
  readonly log: ExecutionLog;
  readonly owner: LogOwner;
  /** What the log's owner was told when it lost it. */
  readonly lost: Error[];
}

/** Opens the log of a new execution, or of `owner`. */
export async function openLog(
  db: Database,
  { writer }: CountingWriter,
  owner?: LogOwner,
  lastSeq = 0,
): Promise<OpenedLog> {
  const owned = owner ?? (await insertRunning(db));
  const lost: Error[] = [];
  const controller = new AbortController();
  const onLost = (error: Error) => {
    lost.push(error);
    controller.abort(error);
  };
  const log = writer.open({ db: writer.db, owner: owned, lastSeq, signal: controller.signal, onLost });
  return { log, owner: owned, lost };
}

/** Opens the logs of many new executions. */
export async function openLogs(db: Database, writer: CountingWriter, count: number): Promise<OpenedLog[]> {
  const owners = await insertManyRunning(db, count);
  return Promise.all(owners.map((owner) => openLog(db, writer, owner)));
}
