import { z } from 'zod';
import { decodeCursor, type PageCursor } from '../db/page.ts';

/** A whole number in a query, written in digits only. */
export function integer(min: number, max: number) {
  const digits = (value: unknown) =>
    typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  return z.preprocess(digits, z.int(`must be a whole number from ${min} to ${max}`).min(min).max(max));
}

/** `true` or `false` in a query. */
export const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/** A parameter that may be repeated; any of its values will do. */
export function anyOf<S extends z.ZodType>(schema: S) {
  return z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(schema).max(50));
}

/** The id of something that is made by the server. */
export const uuid = z.uuid().transform((id) => id.toLowerCase());

/** A text that something is compared with. */
export const word = z.string().min(1).max(256);

/** A moment. JavaScript has the same limits as ISO 8601 here, but for the year 0. */
export const time = z.iso
  .datetime({ offset: true, error: 'must be a time as in ISO 8601, with its offset' })
  .refine((text) => !text.startsWith('0000'), 'must be a time as in ISO 8601, with its offset')
  .transform((text) => new Date(text));

/** `metadata.<key>=<value>`, as pairs. */
export const metadataFilter = z.array(z.tuple([z.string().min(1).max(64), z.string().max(1024)])).max(10);

/** Where a list goes on; `isId` says what an id in it looks like. */
export function listCursor(isId: (id: string) => boolean) {
  return z.string().transform((text, context): PageCursor => {
    const cursor = decodeCursor(text, isId);
    if (cursor !== undefined) return cursor;
    context.addIssue({ code: 'custom', message: 'is not a cursor of this list' });
    return z.NEVER;
  });
}

export const limit = integer(1, 200).default(50);
