import { describe, expect, test } from '@jest/globals';
import { isToolUIPart, type UIMessage, validateUIMessages } from 'ai';
import fc from 'fast-check';
import type { Chunk } from '../../src/chunks/chunk.ts';
import { foldChunks } from '../../src/chunks/fold.ts';
import { sealingChunks } from '../../src/chunks/seal.ts';
import { generatedLog } from '../support/generated-log.ts';

const CLOSED = new Set(['output-available', 'output-error', 'output-denied']);

function openPartsOf(message: UIMessage): unknown[] {
  return message.parts.filter((part) => {
    if (part.type === 'text' || part.type === 'reasoning') return part.state !== 'done';
    if (!isToolUIPart(part)) return false;
    return !CLOSED.has(part.state) || (part.state === 'output-available' && part.preliminary === true);
  });
}

async function seal(log: Chunk[]): Promise<UIMessage> {
  const sealed = [...log, ...sealingChunks(log, { text: 'cut off' }), { type: 'finish' } as Chunk];
  expect(sealingChunks(sealed, { text: 'again' })).toEqual([]);
  return foldChunks(sealed, 'm1');
}

describe('sealing', () => {
  test('a log cut anywhere gives a valid message without an open part', async () => {
    await fc.assert(
      fc.asyncProperty(generatedLog, async (log) => {
        for (let end = 0; end <= log.length; end++) {
          const message = await seal(log.slice(0, end));
          expect(openPartsOf(message)).toEqual([]);
          if (message.parts.length > 0) await validateUIMessages({ messages: [message] });
        }
      }),
      { numRuns: 60 },
    );
  });

  test('adds nothing to a log that is whole', async () => {
    const log: Chunk[] = [
      { type: 'start' },
      { type: 'start-step' },
      { type: 'text-start', id: 'a' },
      { type: 'text-end', id: 'a' },
      { type: 'finish-step' },
    ];
    expect(sealingChunks(log, { text: 'why' })).toEqual([]);
  });

  test('closes parts in the order in which they were opened, and the step last', () => {
    const log: Chunk[] = [
      { type: 'start-step' },
      { type: 'reasoning-start', id: 'r' },
      { type: 'text-start', id: 't' },
      { type: 'tool-input-start', toolCallId: 'c1', toolName: 'look' },
      { type: 'tool-input-available', toolCallId: 'c2', toolName: 'look', input: {} },
    ];
    expect(sealingChunks(log, { text: 'why' })).toEqual([
      { type: 'reasoning-end', id: 'r' },
      { type: 'text-end', id: 't' },
      { type: 'tool-input-error', toolCallId: 'c1', toolName: 'look', input: {}, errorText: 'why' },
      { type: 'tool-output-error', toolCallId: 'c2', errorText: 'why' },
      { type: 'finish-step' },
    ]);
  });

  test('does not end what a reset has taken away', () => {
    const log: Chunk[] = [
      { type: 'start-step' },
      { type: 'text-start', id: 't' },
      { type: 'tool-input-available', toolCallId: 'c', toolName: 'look', input: {} },
      { type: 'reset-step' },
    ];
    expect(sealingChunks(log, { text: 'why' })).toEqual([{ type: 'finish-step' }]);
  });

  test('a question that nobody answered is denied, for an error without a granted approval is no valid part', () => {
    const log: Chunk[] = [
      { type: 'start-step' },
      { type: 'tool-input-available', toolCallId: 'c', toolName: 'look', input: {} },
      { type: 'tool-approval-request', approvalId: 'q', toolCallId: 'c' },
      { type: 'finish-step' },
    ];
    expect(sealingChunks(log, { text: 'why' })).toEqual([
      { type: 'tool-approval-response', approvalId: 'q', approved: false, reason: 'why' },
      { type: 'tool-output-denied', toolCallId: 'c' },
    ]);
  });
});
