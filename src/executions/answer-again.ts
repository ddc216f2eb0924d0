import { and, desc, eq, gt, isNull, lt, sql } from 'drizzle-orm';
import type { ChooseAgent } from '../agents/choose-agent.ts';
import { actorIn } from '../audit/actor.ts';
import type { Transaction } from '../db/database.ts';
import { messageFiles, messages, workflowExecutions } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import type { FetchedFiles } from '../files/fetch-files.ts';
import { storeFiles } from '../files/store-files.ts';
import { Problem } from '../problems/problem.ts';
import { threadNotFound } from '../threads/get-thread.ts';
import { holdThreadById, type ThreadRow } from '../threads/hold-thread.ts';
import { addExecution, type CreatedExecution, nextOrdinal } from './add-execution.ts';
import type { CancelDeps } from './cancel-execution.ts';
import { cancelUnfinished } from './cancel-unfinished.ts';
import { findUnfinished } from './find-unfinished.ts';

export interface AnswerAgain {
  /** Of the execution to be made, chosen before the first try: one whose commit was not heard of is known again. */
  executionId: string;
  threadId: string;
  /** A user's message, or the answer to one. */
  messageId: string;
  /** What the user's message is from now on; undefined leaves it as it is. */
  parts?: unknown[] | undefined;
  /** What these parts point to, if it was fetched. */
  files?: FetchedFiles | undefined;
  source: 'api' | 'chat';
  /** Asked once the message is found. */
  chooseAgent: ChooseAgent;
}

type MessageRow = typeof messages.$inferSelect;

/**
 * Has a message of a user answered again, edited or not. What came after it leaves the history: the messages are
 * removed, and what is not final is cancelled in this transaction, so that it can write nothing more (L4). The
 * executions and their logs stay, to be read by their ids.
 * @throws Problem not-found, message-not-editable, those of `chooseAgent`; FilesMissing
 */
export async function answerAgain(
  tx: Transaction,
  deps: CancelDeps,
  scope: Scope,
  request: AnswerAgain,
): Promise<CreatedExecution> {
  const thread = await holdThreadById(tx, scope, request.threadId);
  if (thread === undefined) throw threadNotFound(request.threadId);
  const { executionId } = request;
  // What was to be launched, a healer finds.
  if (await isMade(tx, thread, executionId))
    return { executionId, threadNo: thread.no, launch: () => undefined };
  const question = await findQuestion(tx, thread, request);
  const agentId = request.chooseAgent(thread.agentId);
  const from = Math.floor(question.position / 2);
  const why = request.parts === undefined ? 'It is answered again' : 'The message was edited';
  const cancel = { reason: why, mode: 'discard', by: scope } as const;
  const afterCancel = await cancelUnfinished(tx, deps, thread.no, cancel, from);
  await tx
    .delete(messages)
    .where(and(eq(messages.threadNo, thread.no), gt(messages.position, question.position)));
  if (request.parts !== undefined) {
    const edited = { ...question, parts: request.parts, executionId, position: 2 * nextOrdinal(thread) };
    await edit(tx, edited, request.files ?? new Map());
  }
  const isBusy = (await findUnfinished(tx, thread)) !== undefined;
  const added = await addExecution(tx, deps.dispatch, thread, {
    id: executionId,
    inputMessageId: question.id,
    agentId,
    source: request.source,
    dropsFrom: from,
    input: { id: question.id, role: 'user', parts: request.parts ?? question.parts },
    isBusy,
    asked: {
      by: actorIn(scope),
      action: request.parts === undefined ? 'message.regenerated' : 'message.edited',
    },
  });
  const launch = () => {
    afterCancel();
    added.launch();
  };
  return { executionId, threadNo: thread.no, launch };
}

async function isMade(tx: Transaction, thread: ThreadRow, executionId: string): Promise<boolean> {
  const { id, threadNo } = workflowExecutions;
  return (await tx.$count(workflowExecutions, and(eq(id, executionId), eq(threadNo, thread.no)))) > 0;
}

/** The user's message itself, or the one that an answer, also one that is still being written, is to. */
async function findQuestion(
  tx: Transaction,
  thread: ThreadRow,
  { messageId, parts }: AnswerAgain,
): Promise<MessageRow> {
  const named = await findRow(tx, thread, messageId);
  if (named?.role === 'user') return named;
  if (named !== undefined && parts !== undefined)
    throw new Problem('message-not-editable', 'Only messages of users can be edited');
  const answering = parts === undefined ? await findAnswering(tx, thread, messageId, named) : undefined;
  // The execution of an answer that a fork has copied is in the thread that it was copied from.
  const question =
    answering === undefined
      ? named && (await findUserBefore(tx, named))
      : await findRow(tx, thread, answering);
  if (question === undefined)
    throw new Problem('not-found', `There is no message ${messageId} in thread ${thread.id}`);
  return question;
}

async function findRow(tx: Transaction, thread: ThreadRow, id: string): Promise<MessageRow | undefined> {
  const [row] = await tx
    .select()
    .from(messages)
    .where(and(eq(messages.threadNo, thread.no), eq(messages.id, id)));
  return row;
}

/** The message of a user that an answer comes after. */
async function findUserBefore(
  tx: Transaction,
  { threadNo, position }: MessageRow,
): Promise<MessageRow | undefined> {
  const [row] = await tx
    .select()
    .from(messages)
    .where(and(eq(messages.threadNo, threadNo), lt(messages.position, position), eq(messages.role, 'user')))
    .orderBy(desc(messages.position))
    .limit(1);
  return row;
}

/** The id of the message that an answer is to; one that is over and not stored is not history any more. */
async function findAnswering(
  tx: Transaction,
  thread: ThreadRow,
  messageId: string,
  stored: MessageRow | undefined,
): Promise<string | undefined> {
  const [execution] = await tx
    .select({ inputMessageId: workflowExecutions.inputMessageId })
    .from(workflowExecutions)
    .where(
      and(
        eq(workflowExecutions.threadNo, thread.no),
        eq(workflowExecutions.messageId, messageId),
        stored === undefined ? isNull(workflowExecutions.finishedAt) : undefined,
      ),
    );
  return execution?.inputMessageId;
}

/** Moves the message to its new execution, as if it had come with it. */
async function edit(tx: Transaction, edited: MessageRow, files: FetchedFiles): Promise<void> {
  const { threadNo, id, parts, executionId, position } = edited;
  await tx
    .update(messages)
    .set({ parts, executionId, position, createdAt: sql`clock_timestamp()` })
    .where(and(eq(messages.threadNo, threadNo), eq(messages.id, id)));
  await tx
    .delete(messageFiles)
    .where(and(eq(messageFiles.threadNo, threadNo), eq(messageFiles.messageId, id)));
  await storeFiles(tx, edited, files);
}
