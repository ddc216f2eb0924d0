import { and, desc, eq, inArray } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { ChooseAgent } from '../agents/choose-agent.ts';
import { actorIn } from '../audit/actor.ts';
import type { AuditEntry } from '../audit/record-audit.ts';
import type { ApprovalPolicy } from '../automations/settings.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { Transaction } from '../db/database.ts';
import { messages, threads, workflowExecutions } from '../db/schema.ts';
import { owned, type Scope } from '../db/scope.ts';
import type { FetchedFiles } from '../files/fetch-files.ts';
import { storeFiles } from '../files/store-files.ts';
import { Problem } from '../problems/problem.ts';
import { threadNotFound } from '../threads/get-thread.ts';
import { holdThreadById, type ThreadRow } from '../threads/hold-thread.ts';
import { addExecution, type CreatedExecution, nextOrdinal } from './add-execution.ts';
import type { CancelDeps } from './cancel-execution.ts';
import { cancelUnfinished } from './cancel-unfinished.ts';
import { findUnfinished } from './find-unfinished.ts';
import { REASONS_FOR_PEOPLE } from './view.ts';

/** What to do when the thread has an execution that is not final. */
export type OnBusy = 'enqueue' | 'reject' | 'interrupt';

/** The automation that starts an execution. */
export interface StartedBy {
  automationId: string;
  firingId: string;
  approvalPolicy: ApprovalPolicy;
}

export interface NewExecution {
  /** Asked once the thread is held. */
  chooseAgent: ChooseAgent;
  /** Made if it does not exist; a new one if absent. */
  threadId?: string | undefined;
  message: { id?: string | undefined; parts: unknown[] };
  /** What the parts of the message point to, if it was fetched. */
  files?: FetchedFiles | undefined;
  metadata: Record<string, unknown>;
  source: 'api' | 'chat' | 'automation';
  /** Set if an automation starts it. */
  automation?: StartedBy | undefined;
  /** `overtake`: interrupt what waits for a person, run after anything else. */
  onBusy: OnBusy | 'overtake';
  /** A message that the thread has already, with the same parts, has been answered: no second execution is made. */
  joinsKnown?: boolean;
}

/**
 * Stores the user's message and an execution that answers it, and sees to it that it is run (E4: what commits
 * here is durable). In a busy thread it waits, as segment 0, until the one before it is final, unless it is to
 * interrupt: then all that is not final is cancelled with it, in this transaction.
 * @throws Problem thread-busy, message-id-reused, those of `chooseAgent`; not-found where no thread may be made;
 *   FilesMissing
 */
export async function createExecution(
  tx: Transaction,
  deps: CancelDeps,
  scope: Scope,
  request: NewExecution,
): Promise<CreatedExecution> {
  const thread = await holdOrMake(tx, scope, request.threadId ?? uuidv7());
  const agentId = request.chooseAgent(thread.agentId);
  const known = request.joinsKnown === true ? await findAnswered(tx, thread, request.message) : undefined;
  if (known !== undefined) return { executionId: known, threadNo: thread.no, launch: () => undefined };
  const onBusy = request.onBusy === 'overtake' ? await overtake(tx, thread) : request.onBusy;
  const afterInterrupt = onBusy === 'interrupt' ? await interrupt(tx, deps, scope, thread) : () => undefined;
  const activeId = await findUnfinished(tx, thread);
  if (activeId !== undefined && onBusy === 'reject') {
    throw new Problem('thread-busy', `Thread ${thread.id} has an execution that is not finished`, {
      extra: { executionId: activeId },
    });
  }
  if (request.message.id !== undefined) await refuseAnswer(tx, thread, request.message.id);
  const executionId = uuidv7();
  const input = { id: request.message.id ?? uuidv7(), role: 'user' as const, parts: request.message.parts };
  await insertInput(tx, thread, executionId, input);
  const { no: threadNo, tenantId } = thread;
  await storeFiles(tx, { ...input, threadNo, tenantId }, request.files ?? new Map());
  const added = await addExecution(tx, deps.dispatch, thread, {
    id: executionId,
    inputMessageId: input.id,
    agentId,
    source: request.source,
    input,
    metadata: request.metadata,
    ...request.automation,
    isBusy: activeId !== undefined,
    asked: { by: actorIn(scope), action: 'execution.started', details: firedBy(request) },
  });
  const launch = () => {
    afterInterrupt();
    added.launch();
  };
  return { executionId, threadNo, launch };
}

/** The firing by which an automation is known to have started it. */
function firedBy({ automation }: NewExecution): AuditEntry['details'] {
  return automation === undefined ? {} : { firingId: automation.firingId };
}

/** A chat must not wait behind a question that the user has just walked away from. */
async function overtake(tx: Transaction, thread: ThreadRow): Promise<OnBusy> {
  const [waiting] = await tx
    .select({ id: workflowExecutions.id })
    .from(workflowExecutions)
    .where(
      and(
        eq(workflowExecutions.threadNo, thread.no),
        inArray(workflowExecutions.suspendedReason, [...REASONS_FOR_PEOPLE]),
      ),
    );
  return waiting === undefined ? 'enqueue' : 'interrupt';
}

const INTERRUPTED = 'A new message came';

async function interrupt(
  tx: Transaction,
  deps: CancelDeps,
  scope: Scope,
  thread: ThreadRow,
): Promise<() => void> {
  const request = { reason: INTERRUPTED, mode: 'interrupt', by: scope } as const;
  return cancelUnfinished(tx, deps, thread.no, request);
}

/** Takes the thread's row, made if absent: all that adds to or promotes in a thread happens one after another. */
async function holdOrMake(tx: Transaction, scope: Scope, id: string): Promise<ThreadRow> {
  // Whoever sees the whole tenant goes on with somebody else's thread, if that is the one that they mean.
  const mayBeThere = scope.seesTenant === true || scope.only !== undefined;
  let thread = mayBeThere ? await holdThreadById(tx, scope, id) : undefined;
  // Whoever was given one thread makes none.
  if (thread === undefined && scope.only !== undefined) throw threadNotFound(id);
  while (thread === undefined) {
    await tx
      .insert(threads)
      .values({ ...owned(scope), id })
      .onConflictDoNothing();
    // Not there only if somebody has deleted it in between.
    thread = await holdThreadById(tx, scope, id);
  }
  return thread;
}

/**
 * The newest execution that answers this very message.
 * @throws Problem message-id-reused when the thread has another one by its id
 */
async function findAnswered(
  tx: Transaction,
  thread: ThreadRow,
  { id, parts }: NewExecution['message'],
): Promise<string | undefined> {
  if (id === undefined) return undefined;
  const [known] = await tx
    .select({ role: messages.role, parts: messages.parts })
    .from(messages)
    .where(and(eq(messages.threadNo, thread.no), eq(messages.id, id)));
  if (known === undefined) return undefined;
  if (known.role !== 'user' || canonicalJson(known.parts) !== canonicalJson(parts))
    throw idReused(thread, id);
  const [answer] = await tx
    .select({ id: workflowExecutions.id })
    .from(workflowExecutions)
    .where(and(eq(workflowExecutions.threadNo, thread.no), eq(workflowExecutions.inputMessageId, id)))
    .orderBy(desc(workflowExecutions.ordinal))
    .limit(1);
  return answer?.id;
}

function idReused(thread: ThreadRow, messageId: string): Problem {
  return new Problem('message-id-reused', `Thread ${thread.id} already has a message ${messageId}`);
}

/**
 * The id of an answer is taken from the moment that the answer is to be written: with a question in its place it
 * could not be stored.
 * @throws Problem message-id-reused
 */
async function refuseAnswer(tx: Transaction, thread: ThreadRow, id: string): Promise<void> {
  const { threadNo, messageId } = workflowExecutions;
  const isAnswer = and(eq(threadNo, thread.no), eq(messageId, id));
  if ((await tx.$count(workflowExecutions, isAnswer)) > 0) throw idReused(thread, id);
}

async function insertInput(
  tx: Transaction,
  thread: ThreadRow,
  executionId: string,
  input: { id: string; role: 'user'; parts: unknown[] },
): Promise<void> {
  const inserted = await tx
    .insert(messages)
    .values({
      threadNo: thread.no,
      tenantId: thread.tenantId,
      id: input.id,
      position: 2 * nextOrdinal(thread),
      role: input.role,
      parts: input.parts,
      status: 'complete',
      executionId,
    })
    .onConflictDoNothing({ target: [messages.threadNo, messages.id] })
    .returning({ id: messages.id });
  if (inserted.length === 0) throw idReused(thread, input.id);
}
