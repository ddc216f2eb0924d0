import { type SQL, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { Executor } from '../db/database.ts';
import { auditLog } from '../db/schema.ts';
import { type AuditAction, SUBJECT_OF } from './actions.ts';
import type { Actor } from './actor.ts';

/** What somebody did, to be written down. */
export interface AuditEntry {
  readonly action: AuditAction;
  readonly tenantId: string;
  /** Whose things it is about; null: the tenant's. */
  readonly ownerId: string | null;
  readonly subjectId: string;
  readonly executionId?: string;
  /** As clients know it. */
  readonly threadId?: string | SQL<string>;
  /** Names, ids and choices. What people and models say, inputs, outputs and secrets never are in it. */
  readonly details?: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
}

/** Writes down what somebody does, in the transaction in which they do: both commit, or neither. */
export async function recordAudit(tx: Executor, actor: Actor, entry: AuditEntry): Promise<void> {
  await tx.insert(auditLog).values(rowOf(actor, entry));
}

/** The same in the one statement that is built on what this returns. */
export function auditing(db: Executor, actor: Actor, entry: AuditEntry): ReturnType<Executor['with']> {
  const written = db.insert(auditLog).values(rowOf(actor, entry)).returning({ id: auditLog.id });
  return db.with(db.$with('audited').as(written));
}

/**
 * Changes what `change` finds, and writes down that somebody did, in one statement: what it changed nothing of is not
 * written down.
 * @param change an UPDATE of one row at most that returns its `id`, `tenant_id` and `owner_id`, and what `details` names
 * @returns whether it changed anything
 */
export async function auditChange(
  db: Executor,
  { kind, id, via, requestId }: Actor,
  action: AuditAction,
  { change, details }: { change: SQL; details: SQL },
): Promise<boolean> {
  const { rowCount } = await db.execute(sql`
    WITH changed AS (${change})
    INSERT INTO ${auditLog}
      (id, tenant_id, owner_id, actor_kind, actor, via, request_id, action, subject_type, subject_id, details)
    SELECT ${uuidv7()}, tenant_id, owner_id, ${kind}, ${id}, ${via ?? null}, ${requestId ?? null}, ${action},
      ${SUBJECT_OF[action]}, id, ${details}
    FROM changed`);
  return rowCount === 1;
}

/** The id of an execution's thread, where it is not at hand. */
export function threadIdOf(executionId: string): SQL<string> {
  return sql`(SELECT t.id FROM outlast.threads t
    JOIN outlast.workflow_executions e ON e.thread_no = t.no WHERE e.id = ${executionId})`;
}

function rowOf({ kind, id, via, requestId }: Actor, { action, ...entry }: AuditEntry) {
  const subjectType = SUBJECT_OF[action];
  return { id: uuidv7(), actorKind: kind, actor: id, via, requestId, action, subjectType, ...entry };
}
