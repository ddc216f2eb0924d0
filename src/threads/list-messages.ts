import { and, asc, desc, eq, gt, lt } from 'drizzle-orm';
import { readAllRows } from '../chunks/read-rows.ts';
import type { LogRow } from '../chunks/row.ts';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { messages } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import { findNewest, foldActive, type Newest } from './active-message.ts';
import { findThreadNo } from './find-thread-no.ts';
import { type Message, toMessage } from './message-view.ts';

export interface MessageQuery {
  order: 'asc' | 'desc';
  limit: number;
  /** The position of the last message of the page before. */
  after?: number | undefined;
  /** Leaves out the message that is still being written. */
  omitActive: boolean;
}

export interface MessagePage {
  data: Message[];
  /** The position to go on from; null on the last page. */
  nextAfter: number | null;
  /** `<ordinal>.<seq>`: the thread's stream from here on has all that this snapshot has not. */
  streamCursor: string;
}

type Row = typeof messages.$inferSelect;
/** What a thread held at one moment. */
interface Snapshot {
  rows: Row[];
  newest: Newest | undefined;
  log: LogRow[];
}

/**
 * The messages of a thread, all of one moment; the one that is still being written is folded from its log.
 * @throws Problem not-found
 */
export async function listMessages(
  db: Database,
  scope: Scope,
  threadId: string,
  query: MessageQuery,
): Promise<MessagePage> {
  const snapshot = await transaction(db, (tx) => takeSnapshot(tx, scope, threadId, query), 'repeatable read');
  const stored = snapshot.rows.map((row) => ({ position: row.position, message: toMessage(row) }));
  const placed = [...stored, ...(await placeActive(snapshot, query))].sort((a, b) =>
    query.order === 'asc' ? a.position - b.position : b.position - a.position,
  );
  const kept = placed.slice(0, query.limit);
  return {
    data: kept.map(({ message }) => message),
    nextAfter: placed.length > query.limit ? (kept.at(-1)?.position ?? null) : null,
    streamCursor: streamCursor(snapshot, query),
  };
}

/** One message of a thread, also the one that is still being written. @throws Problem not-found */
export async function getMessage(
  db: Database,
  scope: Scope,
  threadId: string,
  id: string,
): Promise<Message | undefined> {
  const snapshot = await transaction(
    db,
    async (tx) => {
      const threadNo = await findThreadNo(tx, scope, threadId);
      const rows = await tx
        .select()
        .from(messages)
        .where(and(eq(messages.threadNo, threadNo), eq(messages.id, id)));
      return { rows, ...(await readActive(tx, threadNo)) };
    },
    'repeatable read',
  );
  if (snapshot.rows[0] !== undefined) return toMessage(snapshot.rows[0]);
  const { newest, log } = snapshot;
  return newest?.messageId === id && log.length > 0 ? foldActive(newest, log) : undefined;
}

async function takeSnapshot(
  tx: Transaction,
  scope: Scope,
  threadId: string,
  { order, limit, after }: MessageQuery,
): Promise<Snapshot> {
  const threadNo = await findThreadNo(tx, scope, threadId);
  const { position } = messages;
  const beyond =
    after === undefined ? undefined : order === 'asc' ? gt(position, after) : lt(position, after);
  const rows = await tx
    .select()
    .from(messages)
    .where(and(eq(messages.threadNo, threadNo), beyond))
    .orderBy(order === 'asc' ? asc(position) : desc(position))
    .limit(limit + 1);
  return { rows, ...(await readActive(tx, threadNo)) };
}

async function readActive(tx: Transaction, threadNo: number): Promise<Pick<Snapshot, 'newest' | 'log'>> {
  const newest = await findNewest(tx, threadNo);
  const isActive = newest !== undefined && !newest.final;
  return { newest, log: isActive ? await readAllRows(tx, newest.executionNo) : [] };
}

/** The active message with its place in the thread, if it is on this page or after it. */
async function placeActive(
  { newest, log }: Snapshot,
  { order, after, omitActive }: MessageQuery,
): Promise<{ position: number; message: Message }[]> {
  if (newest === undefined || log.length === 0 || omitActive) return [];
  const position = 2 * newest.ordinal + 1;
  if (after !== undefined && (order === 'asc' ? position <= after : position >= after)) return [];
  return [{ position, message: await foldActive(newest, log) }];
}

function streamCursor({ newest }: Snapshot, { omitActive }: MessageQuery): string {
  if (newest === undefined) return '0.0';
  return `${newest.ordinal}.${omitActive && !newest.final ? 0 : newest.lastSeq}`;
}
