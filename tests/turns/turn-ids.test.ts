import { describe, expect, test } from '@jest/globals';
import { TurnIds, toolCallIdsOf } from '../../src/turns/turn-ids.ts';

const none = new Set<string>();

describe('the ids of a turn', () => {
  test('keep a tool call id that is new, and say the same each time', () => {
    const ids = new TurnIds(1, none);
    expect(ids.toolCallId('call_0')).toBe('call_0');
    expect(ids.toolCallId('call_0')).toBe('call_0');
  });

  test('rename one that an earlier turn had', () => {
    expect(new TurnIds(3, new Set(['call_0'])).toolCallId('call_0')).toBe('t3.call_0');
  });

  test.each([
    ['an empty one', ''],
    ['one with a space', 'call 0'],
    ['one with U+0000', 'call\u0000'],
    ['one that is not ASCII', 'völlig'],
    ['one that is too long', 'x'.repeat(129)],
  ])('replace %s, and tell two of them apart', (_, id) => {
    const ids = new TurnIds(2, none);
    const first = ids.toolCallId(id);
    expect(first).toMatch(/^[\x21-\x7e]{1,128}$/);
    expect(ids.toolCallId(`${id}\u0000`)).not.toBe(first);
  });

  test('never make an id longer than the ledger holds', () => {
    const long = 'x'.repeat(128);
    expect(new TurnIds(12, new Set([long])).toolCallId(long)).toHaveLength(128);
  });

  test('prefix the parts of a text or reasoning with the turn, and touch nothing else', () => {
    const ids = new TurnIds(2, new Set(['call_0']));
    expect(ids.chunk({ type: 'text-delta', id: '0', delta: 'a' })).toEqual({
      type: 'text-delta',
      id: 't2.0',
      delta: 'a',
    });
    expect(ids.chunk({ type: 'reasoning-end', id: '1' })).toEqual({ type: 'reasoning-end', id: 't2.1' });
    const call = { type: 'tool-input-delta', toolCallId: 'call_0', inputTextDelta: '{}' } as const;
    expect(ids.chunk(call)).toEqual({ ...call, toolCallId: 't2.call_0' });
    expect(ids.chunk({ type: 'file', url: 'data:,', mediaType: 'text/plain' })).toEqual({
      type: 'file',
      url: 'data:,',
      mediaType: 'text/plain',
    });
  });

  test('are the same in the messages that the model gets back', () => {
    const ids = new TurnIds(2, new Set(['call_0']));
    const messages = ids.messages([
      { role: 'user', content: 'hello' },
      {
        role: 'assistant',
        content: [{ type: 'tool-call', toolCallId: 'call_0', toolName: 'add', input: {} }],
      },
    ]);
    expect(toolCallIdsOf(messages)).toEqual(new Set(['t2.call_0']));
    expect(messages[0]).toEqual({ role: 'user', content: 'hello' });
  });
});
