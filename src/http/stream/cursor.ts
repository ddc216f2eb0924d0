import { Problem } from '../../problems/problem.ts';
import type { ThreadCursor } from '../../threads/look-at-thread.ts';

/** Where a reader says that it is. The first that is there counts. */
export interface CursorSources {
  lastEventId?: string | undefined;
  after?: string | undefined;
  startIndex?: string | undefined;
}

/**
 * The seq of the last row that the reader has; 0 for none.
 * @param lastSeq the last row that there is
 * @throws Problem bad-cursor
 */
export function resolveCursor({ lastEventId, after, startIndex }: CursorSources, lastSeq: number): number {
  // A browser's EventSource that has seen no id sends an empty one, or none.
  if (lastEventId !== undefined && lastEventId !== '')
    return within(parse('Last-Event-ID', lastEventId), lastSeq);
  if (after !== undefined) return within(parse('after', after), lastSeq);
  if (startIndex === undefined) return 0;
  if (startIndex.startsWith('-')) return Math.max(0, lastSeq - parse('startIndex', startIndex.slice(1)));
  return within(parse('startIndex', startIndex), lastSeq);
}

/**
 * The last chunk of a thread that the reader has; undefined for none.
 * @throws Problem bad-cursor when it is not written as <ordinal>.<seq>
 */
export function parseThreadCursor({
  lastEventId,
  after,
}: Pick<CursorSources, 'lastEventId' | 'after'>): ThreadCursor | undefined {
  const [name, text] =
    lastEventId !== undefined && lastEventId !== '' ? ['Last-Event-ID', lastEventId] : ['after', after];
  if (text === undefined) return undefined;
  const [, ordinal, seq] = /^(\d{1,9})\.(\d{1,9})$/.exec(text) ?? [];
  if (ordinal === undefined) throw new Problem('bad-cursor', `${name} must be written as <ordinal>.<seq>`);
  return { ordinal: Number(ordinal), seq: Number(seq) };
}

function parse(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Problem(
    'bad-cursor',
    `${name} must be a whole number${name === 'startIndex' ? '' : ', 0 or more'}`,
  );
}

function within(cursor: number, lastSeq: number): number {
  if (cursor <= lastSeq) return cursor;
  throw new Problem('bad-cursor', `The log has ${lastSeq} rows; there is no row ${cursor} yet`, {
    extra: { lastSeq },
  });
}
