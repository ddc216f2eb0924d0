import { describe, expect, test } from '@jest/globals';
import { serializeChunk } from '../../src/chunks/chunk.ts';
import { framingOf, NDJSON, SSE } from '../../src/http/stream/framing.ts';
import { parseEvents } from './sse.ts';

const HOSTILE = 'a\nb\r\nc\u2028d\u0085e\0data: [DONE]\n\nid: 99\n\n';
const line = (seq: number, delta: string) => ({
  seq,
  attempt: 1,
  turn: 1,
  chunk: serializeChunk({ type: 'text-delta', id: 't', delta }),
});

describe('framing', () => {
  test('makes one event a row, whatever the text has in it', () => {
    const rows = [line(1, HOSTILE), line(2, 'x')];
    const events = parseEvents(SSE.rows(rows));
    expect(events).toEqual(rows.map(({ seq, chunk }) => ({ id: String(seq), data: chunk })));
    expect(JSON.parse(events[0]?.data ?? '')).toMatchObject({ delta: HOSTILE });
  });

  test('makes one line of JSON a row', () => {
    const lines = NDJSON.rows([line(1, HOSTILE), line(2, 'x')]).split('\n');
    expect(lines).toHaveLength(3);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      seq: 1,
      chunk: { type: 'text-delta', id: 't', delta: HOSTILE },
    });
  });

  test('shows that what is no row of the log has no place in it', () => {
    expect(SSE.unnumbered({ type: 'finish' })).toBe('data: {"type":"finish"}\n\n');
    expect(NDJSON.unnumbered({ type: 'finish' })).toBe('{"seq":null,"chunk":{"type":"finish"}}\n');
  });

  test('is chosen by media type', () => {
    expect(framingOf('application/x-ndjson')).toBe(NDJSON);
    expect(framingOf('text/event-stream')).toBe(SSE);
  });
});
