import { Chat } from '@ai-sdk/react';
import { describe, expect, test } from '@jest/globals';
import {
  type ChatTransport,
  convertToModelMessages,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  type ModelMessage,
  type UIMessage,
  validateUIMessages,
} from 'ai';
import fc from 'fast-check';
import type { Chunk } from '../../src/chunks/chunk.ts';
import { CANCELLED_PART } from '../../src/executions/end-by-cancel.ts';
import { makeEnding } from '../../src/executions/make-ending.ts';
import { unfinishedTurn } from '../../src/turns/unfinished-turn.ts';
import { generatedLog } from '../support/generated-log.ts';

const call = (toolCallId: string): Chunk[] => [
  { type: 'tool-input-start', toolCallId, toolName: 'pay' },
  { type: 'tool-input-delta', toolCallId, inputTextDelta: '{"amount":' },
  { type: 'tool-input-delta', toolCallId, inputTextDelta: '5}' },
  { type: 'tool-input-available', toolCallId, toolName: 'pay', input: { amount: 5 } },
];
const say = (id: string): Chunk[] => [
  { type: 'reasoning-start', id: `r${id}`, providerMetadata: { demo: { item: 'rs_1' } } },
  { type: 'reasoning-delta', id: `r${id}`, delta: 'Hm' },
  { type: 'reasoning-end', id: `r${id}` },
  { type: 'text-start', id, providerMetadata: { demo: { item: 'msg_1' } } },
  { type: 'text-delta', id, delta: 'I will ' },
  { type: 'text-delta', id, delta: 'do this' },
  { type: 'text-end', id },
];

/** Reasoning, text, calls: one runs by itself, one is approved and runs, one denied, one left; then the next turn. */
const LOG: Chunk[] = [
  { type: 'start', messageId: 'm1', messageMetadata: { executionId: 'e1' } },
  { type: 'start-step' },
  ...say('t1'),
  ...['c1', 'c2', 'c3', 'c4', 'c5'].flatMap(call),
  ...['c2', 'c3', 'c4'].map(
    (toolCallId): Chunk => ({ type: 'tool-approval-request', approvalId: `a${toolCallId}`, toolCallId }),
  ),
  { type: 'finish-step' },
  { type: 'tool-output-available', toolCallId: 'c1', output: { ok: true } },
  {
    type: 'tool-input-available',
    toolCallId: 'c2',
    toolName: 'pay',
    input: { amount: 4 },
    toolMetadata: { editedBy: 'ann' },
  },
  { type: 'tool-approval-response', approvalId: 'ac2', approved: true },
  { type: 'tool-approval-response', approvalId: 'ac3', approved: false, reason: 'no' },
  { type: 'tool-output-denied', toolCallId: 'c3' },
  { type: 'tool-output-available', toolCallId: 'c2', output: null },
  { type: 'tool-approval-response', approvalId: 'ac4', approved: true },
  { type: 'tool-output-error', toolCallId: 'c4', errorText: 'broken' },
  { type: 'tool-output-available', toolCallId: 'c5', output: 'answer' },
  { type: 'start-step' },
  ...say('t2'),
  ...call('c6'),
  { type: 'reset-step' },
  ...say('t3'),
  { type: 'finish-step' },
];

/** A row of the log holds these two: nobody is ever between them. */
const isInsideRow = (k: number) =>
  LOG[k - 1]?.type === 'tool-input-available' && LOG[k]?.type === 'tool-approval-response';
const CUTS = LOG.map((_, i) => i + 1).filter((k) => !isInsideRow(k));

async function cancelAt(log: readonly Chunk[]): Promise<{ chunks: Chunk[]; message: UIMessage }> {
  const { chunks, message } = await makeEnding(log, 'm1', {
    final: { type: 'abort' },
    reason: CANCELLED_PART,
  });
  return { chunks: [...log, ...chunks], message: JSON.parse(JSON.stringify(message)) as UIMessage };
}

const user: UIMessage = { id: 'u', role: 'user', parts: [{ type: 'text', text: 'Go on' }] };

/** What every provider asks of a history: content in each message, and one result for each call, right after it. */
function expectTellable(history: readonly ModelMessage[]): void {
  for (const [i, { role, content }] of history.entries()) {
    expect(content.length).toBeGreaterThan(0);
    if (role !== 'assistant' || typeof content === 'string') continue;
    const calls = content.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : []));
    const next = history[i + 1];
    const results = next?.role === 'tool' ? next.content.filter(({ type }) => type === 'tool-result') : [];
    expect(results.map((part) => (part as { toolCallId: string }).toolCallId).toSorted()).toEqual(
      calls.toSorted(),
    );
  }
}

async function expectSettled(message: UIMessage): Promise<void> {
  if (message.parts.length > 0) await validateUIMessages({ messages: [message] });
  const messages = [user, message];
  expect(lastAssistantMessageIsCompleteWithApprovalResponses({ messages })).toBe(false);
  expect(lastAssistantMessageIsCompleteWithToolCalls({ messages })).toBe(false);
  const converted = await convertToModelMessages([message, user]);
  expectTellable(converted.filter(({ content }) => content.length > 0));
}

describe('a log that is cancelled after', () => {
  test.each(CUTS)('%i rows folds to a valid message that asks for nothing', async (k) => {
    const { message } = await cancelAt(LOG.slice(0, k));
    await expectSettled(message);
  });

  test('any number of rows, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(generatedLog, async (log) => {
        for (let k = 1; k <= log.length; k += 1)
          await expectSettled((await cancelAt(log.slice(0, k))).message);
      }),
      { numRuns: 40 },
    );
  });

  test.each(CUTS)('%i rows makes a stock client send nothing by itself', async (k) => {
    const { chunks } = await cancelAt(LOG.slice(0, k));
    let requests = 0;
    const transport: ChatTransport<UIMessage> = {
      sendMessages: async () => {
        requests += 1;
        if (requests > 3) throw new Error('It asks for ever');
        return new ReadableStream({
          start(controller) {
            for (const chunk of chunks) controller.enqueue(chunk);
            controller.close();
          },
        });
      },
      reconnectToStream: async () => null,
    };
    const chat = new Chat({
      transport,
      sendAutomaticallyWhen: (options) =>
        lastAssistantMessageIsCompleteWithApprovalResponses(options) ||
        lastAssistantMessageIsCompleteWithToolCalls(options),
    });
    await chat.sendMessage({ text: 'Do it' });
    expect([requests, chat.status, chat.error]).toEqual([1, 'ready', undefined]);
  });
});

describe('what is left of a turn without its end', () => {
  const turnsBefore = (k: number) => LOG.slice(0, k).filter(({ type }) => type === 'finish-step').length;

  test.each(CUTS)('after %i rows can be told to any provider', async (k) => {
    const { message } = await cancelAt(LOG.slice(0, k));
    const told = await unfinishedTurn(message.parts, turnsBefore(k));
    expectTellable(told);
    const text = JSON.stringify(told);
    expect(text).not.toContain('reasoning');
    expect(text).not.toContain('providerOptions');
  });

  test('has its text, and its calls as cancelled', async () => {
    const cut = LOG.findIndex(({ type }) => type === 'tool-input-available') + 2;
    const { message } = await cancelAt(LOG.slice(0, cut));
    const cancelled = { type: 'error-json', value: { cancelled: true } };
    expect(await unfinishedTurn(message.parts, 0)).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I will do this' },
          { type: 'tool-call', toolCallId: 'c1', toolName: 'pay', input: { amount: 5 } },
          { type: 'tool-call', toolCallId: 'c2', toolName: 'pay', input: {} },
        ],
      },
      {
        role: 'tool',
        content: [
          { type: 'tool-result', toolCallId: 'c1', toolName: 'pay', output: cancelled },
          { type: 'tool-result', toolCallId: 'c2', toolName: 'pay', output: cancelled },
        ],
      },
    ]);
  });

  test('is nothing when the last turn came to its end', async () => {
    const { message } = await cancelAt(LOG);
    expect(await unfinishedTurn(message.parts, 2)).toEqual([]);
  });
});
