import { and, eq, type SQL, sql } from 'drizzle-orm';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type { Actor } from '../audit/actor.ts';
import { approvals, threads, workflowExecutions } from './schema.ts';

/** Whose data a query may touch. Every query that answers a caller takes one. */
export interface Scope {
  readonly tenantId: string;
  /** Whose the things are that it makes, and in whose name it acts. */
  readonly ownerId: string;
  /** It sees everybody's things in its tenant. */
  readonly seesTenant?: boolean;
  /** By which approvers may be named, beside their ids. */
  readonly roles?: readonly string[];
  /** It was given this one thing, and sees nothing else. */
  readonly only?: Only;
  /** Whose `Idempotency-Key`s it uses. Default: those of `ownerId`. */
  readonly keysOf?: string;
  /** Who acts, as the audit log tells it. */
  readonly actor?: Actor;
}

/** A thread with all that is in it, or one execution with what people are asked about it. */
export type Only = { readonly threadNo: number } | { readonly executionId: string };

/** The one scope of open mode, where nobody is asked who they are. */
export const OPEN_SCOPE: Scope = Object.freeze({ tenantId: 'default', ownerId: 'local' });

/** The condition that keeps a query inside its scope. */
export function within(table: { tenantId: AnyPgColumn; ownerId: AnyPgColumn }, scope: Scope): SQL {
  const isOwn = scope.seesTenant === true ? undefined : eq(table.ownerId, scope.ownerId);
  return and(eq(table.tenantId, scope.tenantId), isOwn, isOf(table, scope.only)) as SQL;
}

/** The condition that keeps a query inside the one thing that was given; of a table that knows of none, nothing is. */
export function isOf(table: object, only: Only | undefined): SQL | undefined {
  if (only === undefined) return undefined;
  const { threadNo, executionId } = placesIn(table);
  if ('threadNo' in only) return threadNo === undefined ? sql`false` : eq(threadNo, only.threadNo);
  return executionId === undefined ? sql`false` : eq(executionId, only.executionId);
}

/** The same of a row. */
export function isGiven(row: { threadNo: number; executionId: string }, only: Only | undefined): boolean {
  if (only === undefined) return true;
  return 'threadNo' in only ? row.threadNo === only.threadNo : row.executionId === only.executionId;
}

/** Where a table says what its rows belong to. */
function placesIn(table: object): { threadNo?: AnyPgColumn; executionId?: AnyPgColumn } {
  if (table === threads) return { threadNo: threads.no };
  if (table === workflowExecutions)
    return { threadNo: workflowExecutions.threadNo, executionId: workflowExecutions.id };
  return table === approvals ? { threadNo: approvals.threadNo, executionId: approvals.executionId } : {};
}

/** Whose `Idempotency-Key`s are meant: a token is never answered with what is kept of another thing. */
export function keyOwner({ keysOf, ownerId }: Scope): string {
  return keysOf ?? ownerId;
}

/** The columns of what is made in a scope. */
export function owned({ tenantId, ownerId }: Scope): { tenantId: string; ownerId: string } {
  return { tenantId, ownerId };
}

/**
 * The condition for the one thread that is meant by an id, which is unique per owner only. Whoever sees the whole
 * tenant means a thread of their own, else the only one by that id; where several owners have one, none. Whoever was
 * given one thing means that.
 */
export function isThread(scope: Scope, id: string): SQL {
  if (scope.seesTenant !== true || scope.only !== undefined)
    return and(within(threads, scope), eq(threads.id, id)) as SQL;
  return sql`${threads.no} = (
    SELECT coalesce(min(t.no) FILTER (WHERE t.owner_id = ${scope.ownerId}),
      CASE count(*) WHEN 1 THEN min(t.no) END)
    FROM outlast.threads t WHERE t.tenant_id = ${scope.tenantId} AND t.id = ${id})`;
}
