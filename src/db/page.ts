import { type SQL, sql } from 'drizzle-orm';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';

/** Where a page of a list ended: lists are ordered by (created_at, id). */
export interface PageCursor {
  /** `created_at` in microseconds since 1970, which is exact, unlike a JavaScript date. */
  readonly micros: number;
  readonly id: string;
}

/** What a list is ordered by, newest or oldest first. */
interface Listed {
  createdAt: AnyPgColumn;
  id: AnyPgColumn;
}

export interface Page<Item> {
  data: Item[];
  /** Opaque; null on the last page. */
  nextCursor: string | null;
}

/** Makes a page of `limit` items out of the rows of a query that asked for one more. */
export function paginate<Row, Item>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => Item,
  toCursor: (row: Row) => PageCursor,
): Page<Item> {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor(toCursor(last)) : null;
  return { data: kept.map(toItem), nextCursor };
}

/** `created_at` to the microsecond, for cursors: a JavaScript date would lose what tells neighbours in a list apart. */
export function microsOf(createdAt: AnyPgColumn): SQL<string> {
  return sql<string>`(extract(epoch FROM ${createdAt}) * 1000000)::bigint`;
}

/** The condition for what comes after a page; undefined without a cursor, for the first one. */
export function afterCursor(
  { createdAt, id }: Listed,
  cursor: PageCursor | undefined,
  first: 'newest' | 'oldest' = 'newest',
): SQL | undefined {
  if (cursor === undefined) return undefined;
  const isAfter = sql.raw(first === 'newest' ? '<' : '>');
  return sql`(${createdAt}, ${id}) ${isAfter} (
    'epoch'::timestamptz + ${cursor.micros}::bigint * interval '1 microsecond',
    ${cursor.id}::${sql.raw(id.getSQLType())})`;
}

function encodeCursor({ micros, id }: PageCursor): string {
  return Buffer.from(JSON.stringify([micros, id])).toString('base64url');
}

/** The cursor that `paginate` gave out, or undefined when it is none of those; `isId` says what an id looks like. */
export function decodeCursor(text: string, isId: (id: string) => boolean): PageCursor | undefined {
  if (!/^[A-Za-z0-9_-]{1,512}$/.test(text)) return undefined;
  const parts = parseJson(Buffer.from(text, 'base64url').toString('utf8'));
  if (!Array.isArray(parts) || parts.length !== 2) return undefined;
  const [micros, id] = parts as unknown[];
  if (!Number.isSafeInteger(micros) || typeof id !== 'string' || !isId(id)) return undefined;
  return { micros: micros as number, id };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
