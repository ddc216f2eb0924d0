import { and, asc, desc, eq, isNull, sql } from 'drizzle-orm';
import type { Chunk } from '../chunks/chunk.ts';
import { foldChunks } from '../chunks/fold.ts';
import { type LogRow, linesAfter } from '../chunks/row.ts';
import type { Transaction } from '../db/database.ts';
import { threads, workflowExecutions } from '../db/schema.ts';
import { lastSeqOfLog } from '../executions/view.ts';
import type { Message } from './message-view.ts';

/** The execution that a thread's snapshot ends with, and how much of its log there is. */
export interface Newest {
  executionId: string;
  executionNo: number;
  messageId: string;
  ordinal: number;
  final: boolean;
  lastSeq: number;
}

/** The first execution that is not final, else the last one: those before it are in the messages already. */
export async function findNewest(tx: Transaction, threadNo: number): Promise<Newest | undefined> {
  const t = workflowExecutions;
  const select = () =>
    tx
      .select({
        executionId: t.id,
        executionNo: t.no,
        messageId: t.messageId,
        ordinal: t.ordinal,
        final: sql<boolean>`${t.finishedAt} IS NOT NULL`,
        lastSeq: lastSeqOfLog,
      })
      .from(t)
      .innerJoin(threads, eq(threads.no, t.threadNo));
  const [unfinished] = await select()
    .where(and(eq(t.threadNo, threadNo), isNull(t.finishedAt)))
    .orderBy(asc(t.ordinal))
    .limit(1);
  if (unfinished !== undefined) return unfinished;
  const [last] = await select().where(eq(t.threadNo, threadNo)).orderBy(desc(t.ordinal)).limit(1);
  return last;
}

/** The message that an execution has written so far. */
export async function foldActive(newest: Newest, log: readonly LogRow[]): Promise<Message> {
  const chunks = linesAfter(log, 0).map((line) => JSON.parse(line.chunk) as Chunk);
  const folded = await foldChunks(chunks, newest.messageId);
  return {
    id: newest.messageId,
    role: 'assistant',
    parts: folded.parts,
    metadata: { ...(folded.metadata as object), executionId: newest.executionId, status: 'active' },
  };
}
