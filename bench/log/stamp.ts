import type { Chunk } from '../../src/chunks/chunk.ts';

const PREFIX = '{"type":"text-delta","id":"t1.';
const DIGITS = 7;
const BETWEEN = '","delta":"';
const TIME_DIGITS = 10;
const TIME_FROM = PREFIX.length + DIGITS + BETWEEN.length;

/** Milliseconds of the one monotonic clock that all processes of a machine share. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * A chunk of 60 bytes that tells its place in its log and when it was made. It has an id of its own, so that it is
 * not joined with its neighbour: what is counted went through the log one by one.
 * @param index from 0
 */
export function stampedChunk(index: number): Chunk {
  const id = `t1.${String(index).padStart(DIGITS, '0')}`;
  const delta = Math.round(sharedNow() * 1000)
    .toString(36)
    .padStart(TIME_DIGITS, '0');
  return { type: 'text-delta', id, delta };
}

/** The place of a serialized chunk that stands in `text` at `from`. */
export function indexIn(text: string, from = 0): number {
  return Number(text.slice(from + PREFIX.length, from + PREFIX.length + DIGITS));
}

/** When that chunk was made, by `sharedNow`. */
export function madeAtIn(text: string, from = 0): number {
  return Number.parseInt(text.slice(from + TIME_FROM, from + TIME_FROM + TIME_DIGITS), 36) / 1000;
}
