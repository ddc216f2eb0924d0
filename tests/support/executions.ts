import { eq } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { LogWriter } from '../../src/chunks/log-writer.ts';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import { type Database, transaction } from '../../src/db/database.ts';
import { workers, workflowExecutions } from '../../src/db/schema.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import type { CancelDeps } from '../../src/executions/cancel-execution.ts';
import { type ClaimedExecution, claimExecution } from '../../src/executions/claim-execution.ts';
import { createExecution, type NewExecution } from '../../src/executions/create-execution.ts';
import type { Dispatch } from '../../src/executions/dispatch.ts';
import { OwnedExecution } from '../../src/executions/owned-execution.ts';
import { ThreadNews } from '../../src/threads/thread-news.ts';
import { silentLog } from './silent-log.ts';

/** Remembers what was dispatched, and what was launched after the commit, instead of running it. */
export interface RecordedDispatch {
  readonly dispatch: Dispatch;
  readonly dispatched: string[];
  readonly launched: string[];
}

export function recordDispatch(): RecordedDispatch {
  const dispatched: string[] = [];
  const launched: string[] = [];
  const dispatch: Dispatch = async (_tx, executionId, segment) => {
    dispatched.push(`${executionId}:${segment}`);
    return () => launched.push(`${executionId}:${segment}`);
  };
  return { dispatch, dispatched, launched };
}

/** What a cancel is given, with nothing behind it. */
export function cancelDeps(overrides: Partial<CancelDeps> = {}): CancelDeps {
  return {
    dispatch: recordDispatch().dispatch,
    discard: async () => undefined,
    publish: () => undefined,
    abandon: () => undefined,
    threadNews: new ThreadNews(),
    logger: silentLog,
    metrics: { executions: { finished: () => undefined, attemptEnded: () => undefined } },
    ...overrides,
  };
}

/** A worker's lease row; its process need not exist. */
export async function insertWorker(
  db: Database,
  row: Partial<typeof workers.$inferInsert> = {},
): Promise<string> {
  const workerId = row.workerId ?? uuidv7();
  const place = { bootId: 'boot', pidNamespace: 'ns', pid: 1, processStart: 'boot/1', host: 'host' };
  await db.orm.insert(workers).values({ workerId, version: '0', ...place, ...row });
  return workerId;
}

/** Stores a message and an execution that answers it, as a request does. */
export async function createIn(
  db: Database,
  threadId: string = uuidv7(),
  { dispatch }: Pick<RecordedDispatch, 'dispatch'> = recordDispatch(),
  request: Partial<NewExecution> = {},
): Promise<string> {
  const created = await transaction(db, (tx) =>
    createExecution(tx, cancelDeps({ dispatch }), OPEN_SCOPE, {
      chooseAgent: () => 'assistant',
      threadId,
      message: { parts: [{ type: 'text', text: 'hello' }] },
      metadata: {},
      source: 'api',
      onBusy: 'enqueue',
      ...request,
    }),
  );
  created.launch();
  return created.executionId;
}

export type ExecutionRow = typeof workflowExecutions.$inferSelect;

export async function executionOf(db: Database, id: string): Promise<ExecutionRow> {
  const [row] = await db.orm.select().from(workflowExecutions).where(eq(workflowExecutions.id, id));
  if (row === undefined) throw new Error(`There is no execution ${id}`);
  return row;
}

export async function claim(
  db: Database,
  workerId: string,
  id: string,
  segment = 1,
): Promise<ClaimedExecution> {
  const claimed = await claimExecution(db, workerId, id, segment);
  if (claimed === undefined) throw new Error(`Execution ${id} could not be claimed`);
  return claimed;
}

/** A claimed execution as a worker holds it. */
export function own(db: Database, claimed: ClaimedExecution): OwnedExecution {
  const options = { db, recentRows: new RecentRows(), logger: silentLog, flushIntervalMs: 0 };
  return new OwnedExecution(claimed, new LogWriter(options), db);
}

/** A new execution in a thread of its own, claimed by a worker of its own. */
export async function createOwned(db: Database): Promise<OwnedExecution> {
  return own(db, await claim(db, await insertWorker(db), await createIn(db)));
}
