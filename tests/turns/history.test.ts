import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ModelMessage, streamText } from 'ai';
import { MockLanguageModelV4, simulateReadableStream } from 'ai/test';
import { sql } from 'drizzle-orm';
import type { Chunk } from '../../src/chunks/chunk.ts';
import type { Database } from '../../src/db/database.ts';
import { finishExecution } from '../../src/executions/finish-execution.ts';
import type { OwnedExecution } from '../../src/executions/owned-execution.ts';
import { readHistory } from '../../src/turns/history.ts';
import { agentThatActs, look, pay, question } from '../approvals/agent.ts';
import { askFor, callAll, decideAs, suspend, takeNext } from '../support/approvals.ts';
import { cancel } from '../support/cancel.ts';
import { recordDispatch } from '../support/executions.ts';
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

/** What the thread's next turn is told. */
async function historyAfter({ claimed: { id, threadNo } }: OwnedExecution): Promise<ModelMessage[]> {
  const { history } = await readHistory(db.orm, { id, threadNo }, 1000);
  return history;
}

/** Gives a history to a model, as the AI SDK makes its prompt; it refuses calls that have no result. */
async function tell(history: ModelMessage[]): Promise<void> {
  const model = new MockLanguageModelV4({
    doStream: async () => ({ stream: simulateReadableStream({ chunks: [] }) }),
  });
  const fault: unknown[] = [];
  const result = streamText({
    model,
    messages: [...history, { role: 'user', content: 'Go on' }],
    onError: ({ error }) => void fault.push(error),
  });
  await result.consumeStream();
  expect(fault.filter((error) => (error as Error).name !== 'AI_NoOutputGeneratedError')).toEqual([]);
  expect(model.doStreamCalls.length).toBe(1);
}

async function say(owned: OwnedExecution, turn: number, ...chunks: Chunk[]): Promise<void> {
  owned.loggedTurn = turn;
  for (const chunk of chunks) await owned.log.append(turn, chunk);
  await owned.log.drained();
}

function outputsOf(message: ModelMessage | undefined): unknown[] {
  if (message?.role !== 'tool') return [];
  return message.content.map((part) => (part.type === 'tool-result' ? part.output : part));
}

const cancelled = { type: 'error-json', value: { cancelled: true } };

describe('the history after a cancel', () => {
  test('has the turns that came to their end as the model gave them, each call with its result', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [look('c1'), pay('c2'), pay('c3'), question('c4'), look('c5')]);
    const { id } = owned.claimed;
    await callAll(db, owned, agent, ['c1', 'c2', 'c3', 'c4']);
    await decideAs(
      db,
      { executionId: id, toolCallId: 'c2' },
      { decision: 'deny', reason: 'too much' },
      { agent },
    );
    await db.orm.execute(sql`
      UPDATE outlast.tool_calls SET status = 'running', attempt = 1 WHERE execution_id = ${id} AND tool_call_id = 'c5'`);
    await suspend(owned);
    await cancel(db, id);
    const history = await historyAfter(owned);
    const [assistant, results] = history.slice(-2);
    expect(assistant).toMatchObject({
      role: 'assistant',
      content: [
        { type: 'text', text: 'I would do this' },
        ...['c1', 'c2', 'c3', 'c4', 'c5'].map((toolCallId) => ({ toolCallId })),
      ],
    });
    expect(outputsOf(results)).toEqual([
      { type: 'json', value: { did: 'look', input: { amount: 1, note: 'none' } } },
      { type: 'execution-denied', reason: 'too much' },
      cancelled,
      cancelled,
      { type: 'error-json', value: { cancelled: true, note: expect.stringContaining('not known') } },
    ]);
    await tell(history);
  });

  test('has what the last turn had said, without its reasoning, and its call as cancelled', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [look('c1')]);
    await callAll(db, owned, agent, ['c1']);
    await say(
      owned,
      2,
      { type: 'start-step' },
      { type: 'reasoning-start', id: 'r', providerMetadata: { openai: { itemId: 'rs_1' } } },
      { type: 'reasoning-delta', id: 'r', delta: 'Hm' },
      { type: 'text-start', id: 't', providerMetadata: { openai: { itemId: 'msg_1' } } },
      { type: 'text-delta', id: 't', delta: 'So I' },
      { type: 'tool-input-start', toolCallId: 'c2', toolName: 'look' },
    );
    await cancel(db, owned.claimed.id);
    const history = await historyAfter(owned);
    expect(history.slice(-2)).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'So I' },
          { type: 'tool-call', toolCallId: 'c2', toolName: 'look', input: {} },
        ],
      },
      {
        role: 'tool',
        content: [{ type: 'tool-result', toolCallId: 'c2', toolName: 'look', output: cancelled }],
      },
    ]);
    expect(history.at(-3)?.role).toBe('tool');
    await tell(history);
  });

  test('has nothing of one that was discarded, or that had said nothing', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1')]);
    await suspend(owned);
    await cancel(db, owned.claimed.id, { mode: 'discard' });
    expect((await historyAfter(owned)).map(({ role }) => role)).toEqual(['user']);
  });

  test('is as good after a failure in the middle of a turn', async () => {
    const { agent } = agentThatActs();
    const first = await askFor(db, agent, [pay('c1'), pay('c2')]);
    await suspend(first);
    await decideAs(
      db,
      { executionId: first.claimed.id, toolCallId: 'c1' },
      { decision: 'approve' },
      { agent },
    );
    await decideAs(
      db,
      { executionId: first.claimed.id, toolCallId: 'c2' },
      { decision: 'approve' },
      { agent },
    );
    const owned = await takeNext(db, first);
    await finishExecution({ db, dispatch: recordDispatch().dispatch }, owned, {
      status: 'failed',
      code: 'deadline-exceeded',
      detail: 'x',
    });
    const history = await historyAfter(owned);
    const notMade = { type: 'error-text', value: 'The execution ended before this call was made' };
    expect(outputsOf(history.at(-1))).toEqual([notMade, notMade]);
    await tell(history);
  });
});

test('a copied answer whose execution was deleted is told by its parts, results and all', async () => {
  const { agent } = agentThatActs();
  const owned = await askFor(db, agent, [look('c1'), pay('c2')]);
  const { id } = owned.claimed;
  await callAll(db, owned, agent, ['c1', 'c2']);
  await decideAs(db, { executionId: id, toolCallId: 'c2' }, { decision: 'deny', reason: 'no' }, { agent });
  await finishExecution({ db, dispatch: recordDispatch().dispatch }, owned, {
    status: 'completed',
    finishReason: 'stop',
  });
  await db.orm.execute(sql`DELETE FROM outlast.execution_turns WHERE execution_id = ${id}`);
  await db.orm.execute(sql`DELETE FROM outlast.tool_calls WHERE execution_id = ${id}`);
  const history = await historyAfter(owned);
  // The AI SDK leaves the response to the approval out of what a provider gets.
  expect(outputsOf(history.at(-1))).toEqual([
    { type: 'json', value: { did: 'look', input: { amount: 1, note: 'none' } } },
    expect.objectContaining({ type: 'tool-approval-response', approved: false }),
    { type: 'error-text', value: 'no' },
  ]);
  await tell(history);
});
