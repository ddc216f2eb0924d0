import { describe, expect, test } from '@jest/globals';
import { validateUIMessages } from 'ai';
import fc from 'fast-check';
import { type Chunk, serializeChunk, validateChunk } from '../../src/chunks/chunk.ts';
import { foldChunks } from '../../src/chunks/fold.ts';
import { foldOneByOne } from '../support/fold-one-by-one.ts';
import { generatedLog } from '../support/generated-log.ts';

describe('folding', () => {
  test('gives what a stock client makes of the same rows', async () => {
    await fc.assert(
      fc.asyncProperty(generatedLog, async (log) => {
        const delivered = log.map((chunk) => JSON.parse(serializeChunk(chunk)) as Chunk);
        const message = await foldChunks(delivered, 'm1');
        expect({ ...(await foldOneByOne(delivered)), id: 'm1' }).toEqual(message);
      }),
    );
  });

  test('at every moment of a log gives a valid message', async () => {
    await fc.assert(
      fc.asyncProperty(generatedLog, fc.nat(40), async (log, end) => {
        const message = await foldChunks(log.slice(0, end), 'm1');
        if (message.parts.length > 0) await validateUIMessages({ messages: [message] });
      }),
    );
  });

  test('only sees what the schema of the SDK takes', async () => {
    await fc.assert(
      fc.asyncProperty(generatedLog, async (log) => {
        for (const chunk of log) expect(await validateChunk(chunk)).toEqual(chunk);
      }),
      { numRuns: 30 },
    );
  });

  test('a failed log keeps what came before its error', async () => {
    const log: Chunk[] = [
      { type: 'start', messageId: 'm1' },
      { type: 'start-step' },
      { type: 'text-start', id: 'a' },
      { type: 'text-delta', id: 'a', delta: 'so far' },
      { type: 'text-end', id: 'a' },
      { type: 'finish-step' },
      { type: 'error', errorText: 'gone' },
    ];
    const message = await foldChunks(log, 'm1');
    expect(message.parts).toMatchObject([
      { type: 'step-start' },
      { type: 'text', text: 'so far', state: 'done' },
    ]);
  });

  test('shows a step without anything in it once something comes after, as a stock client does', async () => {
    const empty: Chunk[] = [{ type: 'start-step' }, { type: 'finish-step' }];
    const said: Chunk[] = [
      { type: 'text-start', id: 'a' },
      { type: 'text-end', id: 'a' },
    ];
    const log: Chunk[] = [
      { type: 'start', messageId: 'm1' },
      ...empty,
      { type: 'start-step' },
      ...said,
      ...empty,
    ];
    const message = await foldChunks(log, 'm1');
    expect(message.parts.map(({ type }) => type)).toEqual(['step-start', 'step-start', 'text']);
    expect({ ...(await foldOneByOne(log)), id: 'm1' }).toEqual(message);
  });

  test('takes what refers to an earlier step for what it is', async () => {
    const log: Chunk[] = [
      { type: 'start', messageId: 'm1' },
      { type: 'start-step' },
      { type: 'tool-input-available', toolCallId: 'c', toolName: 'look', input: {} },
      { type: 'data-progress', id: 'p', data: 1 },
      { type: 'start-step' },
      { type: 'tool-output-available', toolCallId: 'c', output: 1 },
      { type: 'data-progress', id: 'p', data: 2 },
    ];
    expect({ ...(await foldOneByOne(log)), id: 'm1' }).toEqual(await foldChunks(log, 'm1'));
    const withoutData = log.filter(({ type }) => type !== 'data-progress');
    expect({ ...(await foldOneByOne(withoutData)), id: 'm1' }).toEqual(await foldChunks(withoutData, 'm1'));
  });

  test('says so when the chunks are no log', async () => {
    const log: Chunk[] = [{ type: 'text-delta', id: 'never-begun', delta: 'x' }];
    await expect(foldChunks(log, 'm1')).rejects.toThrow('The log of message m1 does not fold');
  });
});
