import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import type { Database } from '../../src/db/database.ts';
import { sqlState } from '../../src/db/errors.ts';
import { workflowExecutions } from '../../src/db/schema.ts';
import {
  EXECUTION_STATUSES,
  isFinalStatus,
  NEXT_STATUS,
  statusesBefore,
} from '../../src/executions/status.ts';
import { createIn, type ExecutionRow, executionOf } from '../support/executions.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const CHECK_VIOLATION = '23514';
const UNIQUE_VIOLATION = '23505';
const at = new Date();

/** A row that has all that its status asks for. */
const WHOLE: Record<keyof typeof NEXT_STATUS, Partial<ExecutionRow>> = {
  queued: {},
  running: { workerId: 'w' },
  suspended: { suspendedReason: 'approval' },
  completed: { finishedAt: at, lastSeq: 1 },
  failed: { finishedAt: at, lastSeq: 1, errorCode: 'internal' },
  cancelled: { finishedAt: at, lastSeq: 1 },
};
const NOTHING = { workerId: null, suspendedReason: null, finishedAt: null, lastSeq: null, errorCode: null };

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url);
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

async function set(id: string, values: Partial<ExecutionRow>): Promise<string | undefined> {
  try {
    await db.orm
      .update(workflowExecutions)
      .set({ ...NOTHING, ...values })
      .where(eq(workflowExecutions.id, id));
    return undefined;
  } catch (error) {
    return sqlState(error);
  }
}

describe('the statuses of an execution', () => {
  test('are those of the CHECK, and each can be stored with what belongs to it', async () => {
    const id = await createIn(db);
    for (const status of EXECUTION_STATUSES)
      expect(await set(id, { status, ...WHOLE[status] })).toBeUndefined();
    expect(await set(id, { status: 'paused' })).toBe(CHECK_VIOLATION);
  });

  test('need what belongs to them and bear nothing else (E2)', async () => {
    const id = await createIn(db);
    for (const status of EXECUTION_STATUSES) {
      for (const other of EXECUTION_STATUSES) {
        const fits = JSON.stringify(WHOLE[other]) === JSON.stringify(WHOLE[status]);
        expect(await set(id, { status, ...WHOLE[other] })).toBe(fits ? undefined : CHECK_VIOLATION);
      }
    }
  });

  test('segment 0 waits or ends, and never runs', async () => {
    const id = await createIn(db);
    for (const status of EXECUTION_STATUSES) {
      const mayBe = ['queued', 'failed', 'cancelled'].includes(status);
      expect(await set(id, { status, segment: 0, ...WHOLE[status] })).toBe(
        mayBe ? undefined : CHECK_VIOLATION,
      );
    }
  });

  test('move only along the table, which leaves no final one', () => {
    for (const from of EXECUTION_STATUSES) {
      expect(isFinalStatus(from)).toBe(['completed', 'failed', 'cancelled'].includes(from));
      for (const to of EXECUTION_STATUSES) {
        expect(statusesBefore(to).includes(from)).toBe((NEXT_STATUS[from] as readonly string[]).includes(to));
      }
    }
    expect(statusesBefore('running')).toEqual(['queued']);
    expect(statusesBefore('completed')).toEqual(['running']);
  });

  test('a thread has at most one that is active, whatever writes it (E5)', async () => {
    const thread = 'one-active';
    await createIn(db, thread);
    const waiting = await createIn(db, thread);
    expect(await executionOf(db, waiting)).toMatchObject({ segment: 0 });
    expect(await set(waiting, { status: 'queued', segment: 1 })).toBe(UNIQUE_VIOLATION);
  });
});
