import { and, eq } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { Actor } from '../audit/actor.ts';
import { threadIdOf } from '../audit/record-audit.ts';
import type { Transaction } from '../db/database.ts';
import { firings } from '../db/schema.ts';
import { type Fault, Problem } from '../problems/problem.ts';
import { auditAutomation } from './audit-automation.ts';
import type { AutomationMetrics } from './automation-metrics.ts';
import { findFullness } from './find-fullness.ts';
import type { FiringCause, FiringReason, FiringStatus } from './firing-status.ts';
import type { RenderedInput, RenderInput } from './render-input.ts';
import { type StartDeps, startAttempt } from './start-attempt.ts';
import type { AutomationRow, FiringRow } from './view.ts';

/** Events of executions may set off firings so many times in a row. */
const DEEPEST = 3;

export interface FireDeps extends StartDeps {
  metrics: StartDeps['metrics'] & { readonly automations: AutomationMetrics };
  renderInput: RenderInput;
  /** Executions that all automations of a tenant may have at once. */
  tenantConcurrency: number;
}

/** Something that sets an automation off. */
export interface Occurrence {
  cause: FiringCause;
  /** What it is known by. */
  key: string;
  scheduledFor: Date;
  payload?: unknown;
  /** How many firings led to it, each by an event of the execution before. */
  depth?: number;
  /** Whoever tells it is there to be told that the template does not fit: then nothing is written. */
  isAsked?: boolean;
  /** Who sets it off; undefined for a due time, and for a webhook, whose sender only the automation knows. */
  by?: Actor;
}

export interface Fired {
  firing: FiringRow;
  /** To be called once the transaction has committed. */
  launch(): void;
}

/**
 * Fires an automation, whatever sets it off: the one way there is. The firing is written under its natural key, and the
 * execution is started in the same transaction, or it is written why not. What has fired already is returned as it is.
 * The caller holds the automation's row.
 * @throws Problem template-failed, to whom it is to be told
 */
export async function fire(
  tx: Transaction,
  deps: FireDeps,
  automation: AutomationRow,
  occurrence: Occurrence,
): Promise<Fired> {
  const { cause, key, scheduledFor, depth = 0 } = occurrence;
  const { text: input, faults = [] } = render(deps, automation, occurrence);
  const verdict = await judge(tx, deps, automation, { depth, input });
  const [inserted] = await tx
    .insert(firings)
    .values({
      id: uuidv7(),
      tenantId: automation.tenantId,
      automationId: automation.id,
      cause,
      key,
      scheduledFor,
      depth,
      ...verdict,
      input: verdict.status === 'enqueued' ? input : null,
    })
    .onConflictDoNothing()
    .returning();
  const firing = inserted ?? (await findFiring(tx, automation, cause, key));
  if (inserted === undefined) return { firing, launch: () => undefined };
  if (occurrence.isAsked === true && firing.reason === 'template') throw unfit(faults);
  const isStarted = firing.status === 'fired' && input !== undefined;
  const fired = isStarted
    ? await startAttempt(tx, deps, automation, firing, input)
    : { firing, launch: () => undefined };
  await auditFired(tx, automation, occurrence, fired.firing);
  return counted(deps, fired);
}

/** Who sets off what an automation does, also if that has to wait; where nothing comes of it, only the firing says so. */
async function auditFired(
  tx: Transaction,
  automation: AutomationRow,
  { by, cause }: Occurrence,
  { id: firingId, status, executionId }: FiringRow,
): Promise<void> {
  if (by === undefined || (status !== 'fired' && status !== 'enqueued')) return;
  const place = executionId === null ? {} : { executionId, threadId: threadIdOf(executionId) };
  const details = { firingId, cause, status };
  await auditAutomation(tx, by, automation, { action: 'automation.fired', ...place, details });
}

/** What was fired, to be counted once it is committed. */
export function counted({ metrics }: Pick<FireDeps, 'metrics'>, { firing, launch }: Fired): Fired {
  const { status, cause, reason, createdAt, scheduledFor } = firing;
  const isTimed = cause === 'schedule' && reason !== 'missed';
  return {
    firing,
    launch: () => {
      launch();
      metrics.automations.fired(status, isTimed ? createdAt.getTime() - scheduledFor.getTime() : undefined);
    },
  };
}

function render(
  { renderInput }: FireDeps,
  { id, name, input }: AutomationRow,
  { payload, scheduledFor }: Occurrence,
): RenderedInput {
  return renderInput(input, { payload, scheduledFor: scheduledFor.toISOString(), automation: { id, name } });
}

function unfit(errors: readonly Fault[]): Problem {
  const [first] = errors;
  return new Problem('template-failed', `${first?.pointer}: ${first?.message}`, { errors });
}

async function judge(
  tx: Transaction,
  deps: FireDeps,
  automation: AutomationRow,
  { depth, input }: { depth: number; input: string | undefined },
): Promise<{ status: FiringStatus; reason: FiringReason | null }> {
  if (depth > DEEPEST) return { status: 'skipped', reason: 'loop-guard' };
  if (input === undefined) return { status: 'failed', reason: 'template' };
  const fullness = await findFullness(tx, automation, deps.tenantConcurrency);
  if (fullness === undefined) return { status: 'fired', reason: null };
  if (automation.onBusy === 'skip') return { status: 'skipped', reason: fullness.reason };
  if (fullness.isQueueFull) return { status: 'skipped', reason: 'queue-full' };
  return { status: 'enqueued', reason: fullness.reason };
}

async function findFiring(
  tx: Transaction,
  { id }: AutomationRow,
  cause: FiringCause,
  key: string,
): Promise<FiringRow> {
  const [known] = await tx
    .select()
    .from(firings)
    .where(and(eq(firings.automationId, id), eq(firings.cause, cause), eq(firings.key, key)));
  return known as FiringRow;
}
