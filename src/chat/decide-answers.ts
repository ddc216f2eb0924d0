import { and, asc, eq, or, sql } from 'drizzle-orm';
import { type DecideDeps, decide } from '../approvals/decide.ts';
import type { ApprovalRow } from '../approvals/view.ts';
import type { Access } from '../auth/access.ts';
import { approvals, threads, workflowExecutions } from '../db/schema.ts';
import { isThread, type Scope } from '../db/scope.ts';
import { Problem } from '../problems/problem.ts';
import { answerTo, type ToolAnswer, toDecision } from './tool-answers.ts';

/** What became of the answers in a chat's messages. */
export interface Answered {
  /** The approvals that the messages are about, decided before or by them. */
  mentioned: readonly ApprovalRow[];
  /** Those of them that were pending, and that this request was to decide. */
  decided: readonly ApprovalRow[];
}

/** Who answers. */
interface Answerer {
  scope: Scope;
  /** Asks for more than it took to send a message. @throws Problem forbidden */
  demand(access: Access): void;
}

/** What others decided in between: the client reads their decision in the log. */
const DECIDED_BY_OTHERS = ['already-decided', 'approval-expired'];

/**
 * Decides what waits for a person and is answered in the messages of a chat, each in a transaction of its own. What
 * is decided already stays as it is.
 * @throws Problem forbidden, may-not-decide, validation-failed
 */
export async function decideAnswers(
  deps: DecideDeps,
  { scope, demand }: Answerer,
  threadId: string,
  answers: readonly ToolAnswer[],
): Promise<Answered> {
  if (answers.length === 0) return { mentioned: [], decided: [] };
  const known = await findApprovals(deps, scope, threadId, answers);
  const knownIds = new Set(known.map(({ row }) => row.id));
  const mentioned: ApprovalRow[] = [];
  const decided: ApprovalRow[] = [];
  for (const { row, messageId } of known) {
    const answer = answerTo(row, messageId, answers, knownIds);
    const request = answer && toDecision(row.kind, answer);
    if (request === undefined) continue;
    mentioned.push(row);
    if (row.status !== 'pending') continue;
    demand('approvals:decide');
    await decide(deps, scope, { approvalId: row.id }, request).catch(unlessDecided);
    decided.push(row);
  }
  return { mentioned, decided };
}

/** The approvals of the thread that an answer may be meant for, oldest first. */
async function findApprovals(
  { db }: Pick<DecideDeps, 'db'>,
  scope: Scope,
  threadId: string,
  answers: readonly ToolAnswer[],
): Promise<{ row: ApprovalRow; messageId: string }[]> {
  const ids = answers.flatMap(({ approval }) => (isUuid(approval?.id) ? [approval.id] : []));
  const calls = answers.map(({ toolCallId }) => toolCallId).filter((id) => !id.includes('\0'));
  // As one parameter each: a long history has more calls than a statement has room for parameters.
  const isMeant = or(
    sql`${approvals.id} = ANY(${sql.param(ids)}::uuid[])`,
    sql`${approvals.toolCallId} = ANY(${sql.param(calls)}::text[])`,
  );
  return db.orm
    .select({ row: approvals, messageId: workflowExecutions.messageId })
    .from(approvals)
    .innerJoin(workflowExecutions, eq(workflowExecutions.id, approvals.executionId))
    .innerJoin(threads, eq(threads.no, workflowExecutions.threadNo))
    .where(and(isThread(scope, threadId), isMeant))
    .orderBy(asc(approvals.createdAt), asc(approvals.id));
}

function unlessDecided(error: unknown): void {
  if (!(error instanceof Problem && DECIDED_BY_OTHERS.includes(error.code))) throw error;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function isUuid(id: string | undefined): id is string {
  return id !== undefined && UUID.test(id);
}
