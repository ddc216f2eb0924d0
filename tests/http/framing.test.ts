import { describe, expect, test } from '@jest/globals';
import { serializeChunk } from '../../src/chunks/chunk.ts';
import { LogStretch } from '../../src/chunks/row.ts';
import { framingOf, NDJSON, SSE } from '../../src/http/stream/framing.ts';
import { parseEvents } from './sse.ts';

const HOSTILE = 'a\nb\r\nc\u2028d\u0085e\0data: [DONE]\n\nid: 99\n\n';
const CHUNKS = [HOSTILE, 'x', 'y'].map((delta) => serializeChunk({ type: 'text-delta', id: 't', delta }));
const ROWS = [
  { seq: 1, n: 2, attempt: 1, turn: 1, chunks: CHUNKS.slice(0, 2).join('\n') },
  { seq: 3, n: 1, attempt: 1, turn: 1, chunks: CHUNKS[2] ?? '' },
];

describe('framing', () => {
  test('makes one event a row, whatever the text has in it', () => {
    const events = parseEvents(SSE.rows(new LogStretch(ROWS, 0)));
    expect(events).toEqual(CHUNKS.map((chunk, i) => ({ id: String(i + 1), data: chunk })));
    expect(JSON.parse(events[0]?.data ?? '')).toMatchObject({ delta: HOSTILE });
  });

  test('begins in the middle of a row if the reader has its first part, whoever read it before', () => {
    const whole = parseEvents(SSE.rows(new LogStretch(ROWS, 0, true)));
    expect(parseEvents(SSE.rows(new LogStretch(ROWS, 1, true)))).toEqual(whole.slice(1));
    expect(parseEvents(SSE.rows(new LogStretch(ROWS, 0, true)))).toEqual(whole);
    expect(parseEvents(SSE.rows(new LogStretch(ROWS, 0)))).toEqual(whole);
  });

  test('makes one line of JSON a row', () => {
    const lines = NDJSON.rows(new LogStretch(ROWS, 0)).split('\n');
    expect(lines).toHaveLength(4);
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
