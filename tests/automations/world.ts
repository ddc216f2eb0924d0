import { eq } from 'drizzle-orm';
import pino from 'pino';
import { createAutomation } from '../../src/automations/create-automation.ts';
import type { FireDeps } from '../../src/automations/fire.ts';
import { inputRenderer } from '../../src/automations/render-input.ts';
import { automationSettingsSchema } from '../../src/automations/settings.ts';
import type { AutomationRow, FiringRow } from '../../src/automations/view.ts';
import { type Database, openDatabase, type Transaction, transaction } from '../../src/db/database.ts';
import { automations } from '../../src/db/schema.ts';
import { OPEN_SCOPE, type Scope } from '../../src/db/scope.ts';
import { createMetrics } from '../../src/metrics/create-metrics.ts';
import { recordNotification } from '../../src/notifications/record-notification.ts';
import { createTestDatabase } from '../support/postgres.ts';

/** Automations on a database without a server: what is started is queued, and ends when the test says so. */
export interface AutomationWorld {
  db: Database;
  deps: FireDeps;
  /** Ids of executions that were handed to whoever runs them. */
  launched: string[];
  make(settings?: object, scope?: Scope): Promise<AutomationRow>;
  /** Runs in a transaction of its own that holds the automation. */
  held<T>(id: string, work: (tx: Transaction, automation: AutomationRow) => Promise<T>): Promise<T>;
  read(id: string): Promise<AutomationRow>;
  firings(id: string): Promise<FiringRow[]>;
  executions(id: string): Promise<ExecutionRow[]>;
  /** Makes executions final. */
  end(status: 'completed' | 'failed' | 'cancelled', ...ids: string[]): Promise<void>;
  /** Lets pass what an automation waits for: its next due time, or that of its retries. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  dispose(): Promise<void>;
}

interface ExecutionRow {
  id: string;
  status: string;
  firing_id: string | null;
  retry_of: string | null;
  owner_id: string;
  thread_no: string;
  source: string;
  segment: number;
}

const EVENT = { type: 'event', name: 'order.paid' };

export async function openAutomationWorld(overrides: Partial<FireDeps> = {}): Promise<AutomationWorld> {
  const database = await createTestDatabase();
  const db = openDatabase({
    url: database.url,
    poolSize: 20,
    idleTransactionMs: 5000,
    onError: () => undefined,
  });
  const launched: string[] = [];
  const deps: FireDeps = {
    dispatch: async (_tx, executionId) => () => void launched.push(executionId),
    discard: async () => undefined,
    notify: recordNotification,
    publish: () => undefined,
    abandon: () => undefined,
    threadNews: { changed: () => undefined },
    logger: pino({ level: 'silent' }),
    metrics: createMetrics(),
    renderInput: inputRenderer(10_000),
    tenantConcurrency: 100,
    ...overrides,
  };
  const sql = async (text: string, values: unknown[] = []) =>
    (await db.pool.query<Record<string, unknown>>(text, values)).rows;
  const read = async (id: string) => {
    const [row] = await db.orm.select().from(automations).where(eq(automations.id, id));
    return row as AutomationRow;
  };
  return {
    db,
    deps,
    launched,
    read,
    sql,
    make: async (settings = {}, scope = OPEN_SCOPE) => {
      const whole = { name: 'test', agentId: 'assistant', input: 'say hello', trigger: EVENT, ...settings };
      const parsed = automationSettingsSchema.parse(whole);
      return read(
        (await transaction(db, (tx) => createAutomation(tx, { encryptionKeys: undefined }, scope, parsed)))
          .automation.id,
      );
    },
    held: (id, work) =>
      transaction(db, async (tx) => {
        const [row] = await tx.select().from(automations).where(eq(automations.id, id)).for('no key update');
        return work(tx, row as AutomationRow);
      }),
    firings: async (id) =>
      (await sql(
        `SELECT id, key, cause, status, reason, count, depth, attempts, scheduled_for AS "scheduledFor",
           execution_id AS "executionId", retry_at AS "retryAt", input
         FROM outlast.firings WHERE automation_id = $1 ORDER BY created_at, id`,
        [id],
      )) as unknown as FiringRow[],
    executions: async (id) =>
      (await sql(
        'SELECT * FROM outlast.workflow_executions WHERE automation_id = $1 ORDER BY created_at, id',
        [id],
      )) as unknown as ExecutionRow[],
    end: async (status, ...ids) =>
      void (await sql(
        `UPDATE outlast.workflow_executions SET status = $1, finished_at = clock_timestamp(), last_seq = 1,
           error_code = CASE $1::text WHEN 'failed' THEN 'model-error' END WHERE id = ANY($2)`,
        [status, ids],
      )),
    dispose: async () => {
      await db.close();
      await database.drop();
    },
  };
}
