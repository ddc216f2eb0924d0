import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { type Database, transaction } from '../../src/db/database.ts';
import { whilePatient } from '../../src/db/retry.ts';
import { workflowExecutions } from '../../src/db/schema.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import { answerAgain } from '../../src/executions/answer-again.ts';
import { cancelDeps, createIn, executionOf } from '../support/executions.ts';
import { openFaultyDatabase } from '../support/faulty-database.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

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

test.each([
  ['the answer that is being written', 'before'],
  ['the answer that is being written', 'after'],
  ['the answer that is being written', 'open'],
  ['a message that is edited', 'after'],
] as const)('%s is answered again once when a commit is not heard (%s)', async (what, fault) => {
  const faulty = openFaultyDatabase(database.url);
  const threadId = uuidv7();
  const first = await executionOf(db, await createIn(db, threadId));
  const request = {
    executionId: uuidv7(),
    threadId,
    source: 'api' as const,
    chooseAgent: () => 'assistant',
    ...(what === 'a message that is edited'
      ? { messageId: first.inputMessageId, parts: [{ type: 'text', text: 'other' }] }
      : { messageId: first.messageId }),
  };
  faulty.plan([fault]);
  const made = await whilePatient(5000, () =>
    transaction(faulty, (tx) => answerAgain(tx, cancelDeps(), OPEN_SCOPE, request)),
  );
  const { id, status, ordinal, threadNo } = workflowExecutions;
  const stored = await db.orm
    .select({ id, status })
    .from(workflowExecutions)
    .where(eq(threadNo, first.threadNo))
    .orderBy(ordinal);
  expect(stored).toEqual([
    { id: first.id, status: 'cancelled' },
    { id: made.executionId, status: 'queued' },
  ]);
  await faulty.releaseLate();
  await faulty.close();
});
