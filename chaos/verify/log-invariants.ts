import { isDeepStrictEqual } from 'node:util';
import { type Chunk, isFinal, validateChunk } from '../../src/chunks/chunk.ts';
import { foldChunks } from '../../src/chunks/fold.ts';
import { endOf, type LogLine, linesAfter } from '../../src/chunks/row.ts';
import type { Stored } from './evidence.ts';

/** What one reader saw. */
export interface Sight {
  rows: readonly { seq: number; data: string }[];
  isDone: boolean;
}

/** seq is 1, 2, 3 … per execution, never reused, never changed. */
export function checkL1({ rows }: Stored): string[] {
  const faults: string[] = [];
  let next = 1;
  for (const row of rows) {
    if (row.seq !== next) faults.push(`the row at ${row.seq} should begin at ${next}`);
    if (row.chunks.split('\n').length !== row.n) faults.push(`the row at ${row.seq} has not ${row.n} chunks`);
    next = endOf(row) + 1;
  }
  return faults;
}

/** Every reader sees the same bytes for a seq: those of the table, each once, in order, without a gap. */
export function checkL2({ rows }: Stored, sights: readonly Sight[]): string[] {
  const lines = linesAfter(rows, 0);
  return sights.flatMap((sight, reader) => {
    const faults: string[] = [];
    for (const [i, { seq, data }] of sight.rows.entries()) {
      if (seq !== i + 1) faults.push(`reader ${reader} got ${seq} where ${i + 1} comes next`);
      else if (lines[i] !== undefined && lines[i].chunk !== data) {
        faults.push(`reader ${reader} saw other bytes at ${seq}: ${data} instead of ${lines[i].chunk}`);
      }
      if (faults.length > 0) return faults;
    }
    if (sight.isDone && sight.rows.length < lines.length) {
      faults.push(`reader ${reader} was told the end after ${sight.rows.length} of ${lines.length} rows`);
    }
    return faults;
  });
}

/** Nothing is delivered before it is committed: all that anybody ever saw is stored. */
export function checkL3({ rows }: Stored, sights: readonly Sight[]): string[] {
  const last = rows.at(-1);
  const stored = last === undefined ? 0 : endOf(last);
  return sights.flatMap((sight, reader) => {
    const seen = sight.rows.reduce((max, { seq }) => Math.max(max, seq), 0);
    return seen > stored ? [`reader ${reader} saw ${seen}, and ${stored} is the last that is stored`] : [];
  });
}

/**
 * Only the current attempt writes: each row came after the claim of its attempt, and before the next move took it.
 * A decision writes under the attempt that it finds, which nobody may have claimed yet.
 */
export function checkL4({ rows, moves, asked }: Pick<Stored, 'rows' | 'moves' | 'asked'>): string[] {
  let highest = 0;
  return rows.flatMap((row) => {
    const { seq, attempt, createdAt } = row;
    const faults: string[] = [];
    const isDecision = decides(row, asked);
    const claim = moves.find((move) => (isDecision || move.became === 'running') && move.attempt === attempt);
    const loss = moves.find((move) => move.attemptWas === attempt && move.attempt > attempt);
    if (claim === undefined || createdAt < claim.at)
      faults.push(`the row at ${seq} came before attempt ${attempt} was claimed`);
    if (loss !== undefined && createdAt > loss.at) {
      const lateMs = (createdAt - loss.at).toFixed(1);
      faults.push(`the row at ${seq} came ${lateMs} ms after attempt ${attempt} had lost the execution`);
    }
    if (attempt < highest)
      faults.push(`the row at ${seq} of attempt ${attempt} comes after attempt ${highest}`);
    highest = Math.max(highest, attempt);
    return faults;
  });
}

/** A decision's row is its response, or the output that answers a question. */
function decides({ chunks }: { chunks: string }, asked: Stored['asked']): boolean {
  const parsed = chunks
    .split('\n')
    .map((chunk) => JSON.parse(chunk) as { type: string; toolCallId?: string });
  return parsed.some(
    ({ type, toolCallId }) =>
      type === 'tool-approval-response' ||
      (type.startsWith('tool-output-') &&
        asked.some((one) => one.kind === 'question' && one.toolCallId === toolCallId)),
  );
}

/** Folding the log gives a valid message, the stored one, and the one that the script asked for. */
export async function checkL5(stored: Stored, texts: readonly string[]): Promise<string[]> {
  const { rows, message, messageId, status } = stored;
  const faults: string[] = [];
  const chunks = linesAfter(rows, 0).map(({ chunk }) => JSON.parse(chunk) as Chunk);
  try {
    for (const chunk of chunks) await validateChunk(chunk);
    const folded = await foldChunks(chunks, messageId);
    if (!isDeepStrictEqual(message?.parts, JSON.parse(JSON.stringify(folded.parts)))) {
      faults.push('the stored message is not what the log folds to');
    }
  } catch (error) {
    faults.push(`the log does not fold: ${String((error as Error).cause ?? error)}`);
  }
  if (status !== 'completed') return faults;
  if (message?.status !== 'complete') faults.push(`the stored message is ${message?.status ?? 'not there'}`);
  const said = (message?.parts ?? []).flatMap(({ type, text }) =>
    type === 'text' ? [text?.trim() ?? ''] : [],
  );
  if (!isDeepStrictEqual(said, texts)) faults.push(`it says ${JSON.stringify(said)}`);
  return [...faults, ...checkFrames(linesAfter(rows, 0))];
}

/** A final execution's log ends with exactly one final row. */
export function checkL6({ rows, lastSeq, isFinished }: Stored): string[] {
  if (!isFinished) return [];
  const lines = linesAfter(rows, 0);
  const finals = lines.filter(({ chunk }) => isFinal(chunk));
  const faults: string[] = [];
  if (finals.length !== 1 || finals[0] !== lines.at(-1)) {
    faults.push(`the log of ${lines.length} has final rows at ${finals.map(({ seq }) => seq).join(', ')}`);
  }
  if (lastSeq !== lines.length) faults.push(`last_seq is ${lastSeq} and the log has ${lines.length} rows`);
  return faults;
}

/** Each turn begins with one `start-step`; an earlier try is superseded by `reset-step` only. */
function checkFrames(lines: readonly LogLine[]): string[] {
  const starts = lines
    .filter(({ chunk }) => chunk.startsWith('{"type":"start-step"'))
    .map(({ turn }) => turn);
  return isDeepStrictEqual(
    starts,
    starts.map((_, i) => i + 1),
  )
    ? []
    : [`turns begin in the order ${starts.join(', ')}`];
}
