import { and, eq } from 'drizzle-orm';
import { actorIn } from '../audit/actor.ts';
import { recordAudit, threadIdOf } from '../audit/record-audit.ts';
import type { Transaction } from '../db/database.ts';
import { threads, workflowExecutions } from '../db/schema.ts';
import { isThread, type Scope, within } from '../db/scope.ts';
import { executionNotFound } from '../executions/get-execution.ts';
import { threadNotFound } from '../threads/get-thread.ts';
import { createAccessToken } from './create-access-token.ts';
import { endOf } from './grant-watch.ts';
import { demand, forbidden, type Principal } from './principal.ts';
import { ACCESS_OF, type TokenScope } from './token-scopes.ts';

/** What a token is to lead to. */
export type TokenTarget = { executionId: string } | { threadId: string };

export interface TokenRequest {
  scope: TokenScope;
  ttlSeconds: number;
}

/**
 * Gives away a part of what somebody may do themselves, with one thing that they see. It ends with what they showed
 * when they asked for it, at the latest.
 * @throws Problem forbidden, not-found
 */
export async function giveToken(
  tx: Transaction,
  { principal, scope: asker }: { principal: Principal; scope: Scope },
  target: TokenTarget,
  { scope, ttlSeconds }: TokenRequest,
): Promise<{ token: string; expiresAt: Date }> {
  if (principal.kind === 'token') throw forbidden('A token makes no tokens');
  // It would be good on any page.
  if (principal.kind === 'session') throw forbidden('A session makes no tokens');
  for (const access of ACCESS_OF[scope]) demand(principal, access);
  const thing = await hold(tx, asker, target);
  const made = await createAccessToken(tx, {
    kind: 'stream',
    tenantId: principal.tenantId,
    ...thing,
    scope,
    madeBy: asker.ownerId,
    apiKeyId: principal.kind === 'api-key' ? principal.id : null,
    ttlSeconds,
    endsAt: principal.expiresAt === undefined ? null : new Date(endOf(principal)),
  });
  await recordAudit(tx, actorIn(asker), {
    action: 'token.created',
    tenantId: principal.tenantId,
    ownerId: thing.ownerId,
    subjectId: made.id,
    ...('threadId' in target ? target : { ...target, threadId: threadIdOf(target.executionId) }),
    details: { scope, expiresAt: made.expiresAt.toISOString() },
  });
  return made;
}

interface Thing {
  ownerId: string;
  threadNo: number | null;
  executionId: string | null;
}

/** Finds it, and keeps it from being deleted until the token refers to it. */
async function hold(tx: Transaction, scope: Scope, target: TokenTarget): Promise<Thing> {
  if ('threadId' in target) {
    const [thread] = await tx
      .select({ ownerId: threads.ownerId, threadNo: threads.no })
      .from(threads)
      .where(isThread(scope, target.threadId))
      .for('key share');
    if (thread === undefined) throw threadNotFound(target.threadId);
    return { ...thread, executionId: null };
  }
  const { id: executionId, ownerId } = workflowExecutions;
  const [execution] = await tx
    .select({ ownerId, executionId })
    .from(workflowExecutions)
    .where(and(within(workflowExecutions, scope), eq(executionId, target.executionId)))
    .for('key share');
  if (execution === undefined) throw executionNotFound(target.executionId);
  return { ...execution, threadNo: null };
}
