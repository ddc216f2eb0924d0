import { sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { LogOwner } from '../../src/chunks/insert-rows.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { threads, workflowExecutions } from '../../src/db/schema.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';

/** A pool of one's own, as another process would have it. */
export function openPool(url: string, poolSize = 10): Database {
  return openDatabase({ url, poolSize, idleTransactionMs: 4000, onError: () => undefined });
}

/** A row of the log as the table has it. */
export interface StoredRow {
  readonly [column: string]: unknown;
  readonly seq: number;
  readonly n: number;
  readonly attempt: number;
  readonly turn: number;
  readonly chunks: string;
}

/** Puts a running execution of a thread of its own into the database, without anybody who runs it. */
export async function insertRunning(db: Database, attempt = 1): Promise<LogOwner> {
  return (await insertManyRunning(db, 1, attempt))[0] as LogOwner;
}

export async function insertManyRunning(db: Database, count: number, attempt = 1): Promise<LogOwner[]> {
  const made = await db.orm
    .insert(threads)
    .values(Array.from({ length: count }, () => ({ ...OPEN_SCOPE, id: uuidv7(), lastOrdinal: 1 })))
    .returning({ threadNo: threads.no });
  const rows = made.map(({ threadNo }) => ({
    ...OPEN_SCOPE,
    id: uuidv7(),
    threadNo,
    ordinal: 1,
    messageId: uuidv7(),
    inputMessageId: uuidv7(),
    agentId: 'assistant',
    source: 'api',
    status: 'running',
    segment: 1,
    attempt,
    workerId: 'somebody',
    input: {},
  }));
  const { id, no, tenantId } = workflowExecutions;
  return db.orm
    .insert(workflowExecutions)
    .values(rows)
    .returning({ executionId: id, executionNo: no, tenantId, attempt: workflowExecutions.attempt });
}

/** Takes an execution over: from this commit on only the owner that is returned may write. */
export async function takeOver(db: Database, owner: LogOwner): Promise<LogOwner> {
  const { rows } = await db.orm.execute<{ attempt: number }>(sql`
    UPDATE outlast.workflow_executions SET attempt = attempt + 1 WHERE id = ${owner.executionId} RETURNING attempt`);
  return { ...owner, attempt: rows[0]?.attempt ?? 0 };
}

/** The whole log, by a query that shares nothing with the code under test. */
export async function storedRows(db: Database, executionNo: number): Promise<StoredRow[]> {
  const { rows } = await db.orm.execute<StoredRow>(sql`
    SELECT seq, n, attempt, turn, chunks FROM outlast.stream_chunks
    WHERE execution_no = ${executionNo} ORDER BY seq`);
  return rows;
}

/** The chunks of a log, one line each. */
export async function storedLines(db: Database, executionNo: number): Promise<string[]> {
  return (await storedRows(db, executionNo)).flatMap((row) => row.chunks.split('\n'));
}

/** Every text and reasoning delta of a log in one. */
export async function storedText(db: Database, executionNo: number): Promise<string> {
  return (await storedLines(db, executionNo))
    .map((line) => (JSON.parse(line) as { delta?: string }).delta ?? '')
    .join('');
}
