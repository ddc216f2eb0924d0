import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Chunk } from '../../src/chunks/chunk.ts';
import { coalesce } from '../../src/chunks/coalesce.ts';
import { foldOneByOne } from '../support/fold-one-by-one.ts';
import { generatedLog } from '../support/generated-log.ts';

describe('coalescing', () => {
  test('never changes the message that the log folds to', async () => {
    await fc.assert(
      fc.asyncProperty(generatedLog, async (log) => {
        expect(await foldOneByOne(coalesce(log))).toEqual(await foldOneByOne(log));
      }),
    );
  });

  test('changes nothing when it is done again', () => {
    fc.assert(
      fc.property(generatedLog, (log) => {
        const once = coalesce(log);
        expect(coalesce(once)).toEqual(once);
      }),
    );
  });

  test('leaves no two neighbours that belong together', () => {
    const log: Chunk[] = [
      { type: 'text-delta', id: 'a', delta: 'one ' },
      { type: 'text-delta', id: 'a', delta: 'two' },
      { type: 'text-delta', id: 'b', delta: 'three' },
      { type: 'reasoning-delta', id: 'b', delta: 'four' },
      { type: 'tool-input-delta', toolCallId: 'c', inputTextDelta: '{"x":' },
      { type: 'tool-input-delta', toolCallId: 'c', inputTextDelta: '1}' },
      { type: 'tool-input-delta', toolCallId: 'd', inputTextDelta: '{}' },
      { type: 'text-delta', id: 'a', delta: 'five' },
    ];
    expect(coalesce(log)).toEqual([
      { type: 'text-delta', id: 'a', delta: 'one two' },
      { type: 'text-delta', id: 'b', delta: 'three' },
      { type: 'reasoning-delta', id: 'b', delta: 'four' },
      { type: 'tool-input-delta', toolCallId: 'c', inputTextDelta: '{"x":1}' },
      { type: 'tool-input-delta', toolCallId: 'd', inputTextDelta: '{}' },
      { type: 'text-delta', id: 'a', delta: 'five' },
    ]);
  });

  test('keeps the metadata of an earlier delta when the later one has none', () => {
    const providerMetadata = { demo: { signature: 'x' } };
    const joined = coalesce([
      { type: 'text-delta', id: 'a', delta: '1', providerMetadata },
      { type: 'text-delta', id: 'a', delta: '2' },
    ]);
    expect(joined).toEqual([{ type: 'text-delta', id: 'a', delta: '12', providerMetadata }]);
  });

  test('leaves the chunks that it was given as they were', () => {
    const first: Chunk = { type: 'text-delta', id: 'a', delta: '1' };
    coalesce([first, { type: 'text-delta', id: 'a', delta: '2' }]);
    expect(first).toEqual({ type: 'text-delta', id: 'a', delta: '1' });
  });
});
