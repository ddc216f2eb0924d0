import { describe, expect, test } from '@jest/globals';
import type { UIMessageChunk } from 'ai';
import type { Approval, Execution } from '../../packages/client/src/generated.ts';
import type { ThreadMessage } from '../../packages/client/src/thread/message.ts';
import { ThreadModel } from '../../packages/client/src/thread/model.ts';
import type { ThreadUpdate } from '../../packages/client/src/thread/update.ts';
import { viewOf } from '../../packages/client/src/thread/view.ts';
import { foldOneByOne } from '../support/fold-one-by-one.ts';

const CHUNKS: UIMessageChunk[] = [
  { type: 'start', messageId: 'm1', messageMetadata: { executionId: 'e1' } },
  { type: 'start-step' },
  { type: 'reasoning-start', id: 'r' },
  { type: 'reasoning-delta', id: 'r', delta: 'h' },
  { type: 'reasoning-delta', id: 'r', delta: 'm' },
  { type: 'reasoning-end', id: 'r' },
  { type: 'text-start', id: 't' },
  { type: 'text-delta', id: 't', delta: 'lost ' },
  { type: 'reset-step' },
  { type: 'text-start', id: 't2' },
  { type: 'text-delta', id: 't2', delta: 'Hel' },
  { type: 'text-delta', id: 't2', delta: 'lo' },
  { type: 'text-end', id: 't2' },
  { type: 'tool-input-start', toolCallId: 'c1', toolName: 'refund' },
  { type: 'tool-input-delta', toolCallId: 'c1', inputTextDelta: '{"a"' },
  { type: 'tool-input-delta', toolCallId: 'c1', inputTextDelta: ':1}' },
  { type: 'tool-input-available', toolCallId: 'c1', toolName: 'refund', input: { a: 1 } },
  { type: 'tool-approval-request', approvalId: 'a1', toolCallId: 'c1' },
  { type: 'finish-step' },
  { type: 'tool-approval-response', approvalId: 'a1', approved: true },
  { type: 'tool-output-available', toolCallId: 'c1', output: 2 },
  { type: 'finish', finishReason: 'stop' },
];
const user = (id: string): ThreadMessage => ({
  id,
  role: 'user',
  parts: [{ type: 'text', text: id }],
  metadata: { executionId: `e-${id}`, status: 'complete' },
});
const execution = (ordinal: number, status: string, rest: object = {}) =>
  ({
    id: `e${ordinal}`,
    ordinal,
    status,
    inputMessageId: `u${ordinal}`,
    messageId: `m${ordinal}`,
    finishedAt: null,
    ...rest,
  }) as Execution;
const approval = (status: string) =>
  ({ id: 'a1', kind: 'approval', status, executionId: 'e1', toolCallId: 'c1' }) as Approval;
const chunk = (ordinal: number, seq: number, chunk: UIMessageChunk): ThreadUpdate => ({
  type: 'chunk',
  cursor: `${ordinal}.${seq}`,
  ordinal,
  seq,
  chunk,
});
const loaded = (...messages: ThreadMessage[]): ThreadUpdate => ({
  type: 'loaded',
  messages,
  cursor: '1.0',
  olderCursor: null,
});
const log = (ordinal = 1) => CHUNKS.map((each, index) => chunk(ordinal, index + 1, each));
const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

async function modelOf(...updates: ThreadUpdate[]): Promise<ThreadModel> {
  const model = new ThreadModel(() => undefined);
  for (const update of updates) model.apply(update);
  await model.settled();
  return model;
}

describe('the picture of a thread', () => {
  test('has the message that a stock client makes of the same rows, at each of them', async () => {
    for (let rows = 1; rows <= CHUNKS.length; rows++) {
      const { state } = await modelOf(loaded(user('u1')), ...log().slice(0, rows));
      // A stock client shows a step that has just begun with the next row that it shows.
      const folded = await foldOneByOne([
        ...CHUNKS.slice(0, rows),
        { type: 'message-metadata', messageMetadata: {} },
      ]);
      expect([rows, plain(state.messages[1]?.parts)]).toEqual([rows, plain(folded.parts)]);
      expect(state.messages[1]?.metadata).toEqual({
        executionId: 'e1',
        status: rows === CHUNKS.length ? 'complete' : 'active',
      });
    }
  });

  test('goes on in another tab from whatever row that is told it at', async () => {
    const whole = await modelOf(loaded(user('u1')), ...log());
    for (let rows = 0; rows <= CHUNKS.length; rows++) {
      const first = await modelOf(loaded(user('u1')), ...log().slice(0, rows));
      const second = await ThreadModel.restore(structuredClone(first.state), () => undefined);
      expect([rows, plain(second.state)]).toEqual([rows, plain(first.state)]);
      for (const update of log().slice(rows)) second.apply(update);
      await second.settled();
      expect([rows, plain(second.state)]).toEqual([rows, plain(whole.state)]);
    }
  });

  test('puts an answer after its question, and what is queued after that', async () => {
    const model = await modelOf(
      loaded(user('u1'), user('u2')),
      { type: 'execution', execution: execution(2, 'queued') },
      { type: 'execution', execution: execution(1, 'running') },
      ...log(),
      { type: 'thread-message', message: user('u3') as never },
    );
    expect(model.state.messages.map(({ id }) => id)).toEqual(['u1', 'm1', 'u2', 'u3']);
    expect(viewOf(model.state, new Map(), null)).toMatchObject({ status: 'queued', execution: { id: 'e2' } });
  });

  test('takes the end of a log for the end of its execution, and no older news after it', async () => {
    const running = execution(1, 'running');
    const model = await modelOf(loaded(user('u1')), { type: 'execution', execution: running }, ...log());
    expect(viewOf(model.state, new Map(), null)).toMatchObject({ status: 'idle', execution: null });
    model.apply({ type: 'execution', execution: running });
    expect(model.state.executions).toEqual([]);
  });

  test('shows an approval until it is decided, by its own news or by the log', async () => {
    const asked = log().slice(0, 19);
    const pending: ThreadUpdate = { type: 'approval', approval: approval('pending') };
    const model = await modelOf(loaded(user('u1')), ...asked, pending);
    expect(viewOf(model.state, new Map(), null).approvals).toHaveLength(1);
    const told = await ThreadModel.restore(model.state, () => undefined);
    told.apply({ type: 'approval', approval: approval('denied') });
    expect(viewOf(told.state, new Map(), null).approvals).toEqual([]);
    model.apply(log()[19] as ThreadUpdate);
    await model.settled();
    expect(viewOf(model.state, new Map(), null).approvals).toEqual([]);
  });

  test('is that of the messages after they were loaded again, whatever was being folded', async () => {
    const model = new ThreadModel(() => undefined);
    model.apply(loaded(user('u1')));
    for (const update of log().slice(0, 12)) model.apply(update);
    const stored: ThreadMessage = {
      id: 'm1',
      role: 'assistant',
      parts: [],
      metadata: { status: 'complete' },
    };
    model.apply(loaded(user('u1'), stored));
    await new Promise((resolve) => setImmediate(resolve));
    expect(model.state.messages).toEqual([user('u1'), stored]);
  });

  test('leaves out a message that is not stored, and knows where there is no thread', async () => {
    const model = await modelOf(loaded(user('u1')), ...log());
    model.apply({ type: 'stored', messageId: 'm1', message: null });
    expect(model.state.messages).toEqual([user('u1')]);
    model.apply({ type: 'missing' });
    expect(viewOf(model.state, new Map(), null)).toMatchObject({ messages: [], status: 'idle' });
  });
});
