import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { ExecutionSteps, Next, Outcome, SegmentRef } from '../../workflows/steps.ts';
import type { AgentCatalog } from '../agents/load-agents.ts';
import type { ModelRegistry } from '../agents/model-registry.ts';
import type { LogWriter } from '../chunks/log-writer.ts';
import type { Redact } from '../config/redact.ts';
import type { Database } from '../db/database.ts';
import { untilReachable } from '../db/retry.ts';
import { claimExecution } from '../executions/claim-execution.ts';
import type { Dispatch } from '../executions/dispatch.ts';
import type { ExecutionMetrics } from '../executions/execution-metrics.ts';
import { failPlainly } from '../executions/fail-plainly.ts';
import { finishExecution } from '../executions/finish-execution.ts';
import { OwnedExecution } from '../executions/owned-execution.ts';
import { OwnershipLost } from '../executions/ownership.ts';
import { prepareExecution } from '../executions/prepare-execution.ts';
import { suspendExecution } from '../executions/suspend-execution.ts';
import type { Notify } from '../notifications/notify.ts';
import { pause } from '../pause.ts';
import type { ThreadNews } from '../threads/thread-news.ts';
import { callTool } from '../tools/call-tool.ts';
import type { LeaseCheck } from '../tools/lease-check.ts';
import { modelTurn } from '../turns/model-turn.ts';
import type { Held, OwnedExecutions } from './owned-executions.ts';
import type { Slots } from './slots.ts';

export interface StepDeps {
  /** Of all tenants: whose an execution is is known once it is claimed. */
  db: Database;
  /** What an execution of this tenant works on. */
  databaseOf: (tenantId: string) => Database;
  logWriter: LogWriter;
  agents: AgentCatalog;
  models: ModelRegistry;
  dispatch: Dispatch;
  notify: Notify | undefined;
  executions: OwnedExecutions;
  slots: Slots;
  workerId: string;
  lease: LeaseCheck;
  threadNews: Pick<ThreadNews, 'changed'>;
  /** Aborts when this process may claim nothing any more. */
  closing: AbortSignal;
  /** For the errors that executions end with. */
  redact: Redact;
  logger: Logger;
  metrics: ExecutionMetrics;
}

const STOP = { do: 'stop' } as const;

/**
 * The steps of the workflow, bound to this process. What they share between each other lives in memory, for a
 * segment stays in one process: lost with it, the next segment finds all that counts in the tables.
 */
export function createExecutionSteps(deps: StepDeps): ExecutionSteps {
  return {
    claim: (ref) => claim(deps, ref),
    prepare: (ref) =>
      guarded(deps, ref, async (held, own) => {
        const { plan, next } = await prepareExecution(own, held.owned);
        held.plan = plan;
        return next;
      }),
    modelTurn: (ref, turn) =>
      guarded(deps, ref, (held, own) => modelTurn(own, held.owned, planOf(held), turn)),
    backOff: async (ref, delayMs) => {
      const signal = deps.executions.get(ref.executionId, ref.segment)?.owned.signal;
      if (signal !== undefined) await pause(delayMs, signal);
    },
    callTool: (ref, toolCallId) =>
      guarded(deps, ref, async (held, own) => {
        const state = await callTool(own, held.owned, planOf(held), toolCallId);
        if (state === 'settled') return { do: 'go-on' };
        deps.threadNews.changed(held.owned.claimed.threadNo);
        return { do: 'wait' };
      }),
    suspend: (ref, turn, toolCallIds) =>
      guarded(deps, ref, (held) => suspend(deps, held.owned, { do: 'tools', turn, toolCallIds })),
    finish: (ref, outcome) => finish(deps, ref, outcome),
    release: (ref) => {
      if (deps.executions.release(ref.executionId, ref.segment)) deps.slots.free();
    },
  };
}

async function claim(deps: StepDeps, ref: SegmentRef): Promise<{ do: 'prepare' } | Next> {
  await deps.slots.take();
  try {
    const claimed = deps.closing.aborted
      ? undefined
      : await untilReachable(deps.closing, () =>
          claimExecution(deps.db, deps.workerId, ref.executionId, ref.segment),
        );
    if (claimed !== undefined) {
      const db = deps.databaseOf(claimed.tenantId);
      deps.executions.add(new OwnedExecution(claimed, deps.logWriter, db));
      deps.threadNews.changed(claimed.threadNo);
      deps.logger.debug({ ...ref, attempt: claimed.attempt }, 'execution.claimed');
      return { do: 'prepare' };
    }
  } catch (error) {
    if (!deps.closing.aborted) deps.logger.error({ ...ref, err: error }, 'execution.claim-failed');
  }
  deps.slots.free();
  return STOP;
}

/** A step's own: with the database of the execution's tenant. */
type OwnDeps = Omit<StepDeps, 'databaseOf'>;

function ownDeps({ databaseOf: _, ...deps }: StepDeps, { db }: OwnedExecution): OwnDeps {
  return { ...deps, db };
}

/** Runs a step of an execution that this process holds; turns its loss into `stop` and a fault of ours into an end. */
async function guarded<T>(
  deps: StepDeps,
  ref: SegmentRef,
  work: (held: Held, own: OwnDeps) => Promise<T>,
): Promise<T | Next> {
  const held = deps.executions.get(ref.executionId, ref.segment);
  if (held === undefined || (await deps.executions.leaveIfDraining(held.owned))) return STOP;
  held.owned.busySteps += 1;
  try {
    held.owned.signal.throwIfAborted();
    return await work(held, ownDeps(deps, held.owned));
  } catch (error) {
    if (isLoss(error, held.owned) || (await isSuperseded(held.owned))) return STOP;
    deps.logger.error({ ...ref, attempt: held.owned.claimed.attempt, err: error }, 'execution.step-failed');
    return internalError();
  } finally {
    held.owned.busySteps -= 1;
  }
}

async function suspend(deps: StepDeps, owned: OwnedExecution, otherwise: Next): Promise<Next> {
  const { id, no, threadNo, attempt } = owned.claimed;
  try {
    if (!(await suspendExecution(owned))) return otherwise;
    deps.metrics.attemptEnded('suspended');
    deps.logger.info({ executionId: id, attempt }, 'execution.suspended');
    return STOP;
  } finally {
    // Also if the commit was not heard of: it is only a hint, for those who wait for a change of the status.
    deps.logWriter.publish(no, []);
    deps.threadNews.changed(threadNo);
  }
}

async function finish(deps: StepDeps, ref: SegmentRef, outcome: Outcome): Promise<void> {
  const held = deps.executions.get(ref.executionId, ref.segment);
  if (held === undefined) return;
  const { owned } = held;
  const own = ownDeps(deps, owned);
  owned.busySteps += 1;
  try {
    await finishExecution(own, owned, withoutSecrets(deps.redact, outcome));
    countOutcome(deps.metrics, outcome.status);
    logOutcome(deps.logger, ref, outcome);
  } catch (error) {
    if (isLoss(error, owned) || (await isSuperseded(owned))) return;
    deps.logger.error({ ...ref, attempt: owned.claimed.attempt, err: error }, 'execution.finish-failed');
    await failPlainly(own, owned, deps.closing).then(
      () => countOutcome(deps.metrics, 'failed'),
      (failure: unknown) => {
        // Its own commit, unheard of, makes it lose the execution too.
        if (!isLoss(failure, owned)) throw failure;
      },
    );
    deps.logWriter.publish(owned.claimed.no, []);
  } finally {
    owned.busySteps -= 1;
    deps.threadNews.changed(owned.claimed.threadNo);
  }
}

function countOutcome(metrics: ExecutionMetrics, status: Outcome['status']): void {
  metrics.finished(status);
  metrics.attemptEnded(status);
}

function logOutcome(logger: Logger, ref: SegmentRef, outcome: Outcome): void {
  if (outcome.status === 'completed')
    logger.info({ ...ref, finishReason: outcome.finishReason }, 'execution.completed');
  else logger.info({ ...ref, code: outcome.code }, 'execution.failed');
}

function isLoss(error: unknown, owned: OwnedExecution): boolean {
  return (
    error instanceof OwnershipLost || (owned.signal.aborted && owned.signal.reason instanceof OwnershipLost)
  );
}

/** What a step looked for may be missing because it was deleted: that is no fault. */
async function isSuperseded({ db, claimed: { id, attempt } }: OwnedExecution): Promise<boolean> {
  try {
    const { rowCount } = await db.orm.execute(sql`
      SELECT 1 FROM outlast.workflow_executions WHERE id = ${id} AND attempt = ${attempt}`);
    return rowCount === 0;
  } catch {
    return false;
  }
}

function planOf(held: Held) {
  if (held.plan === undefined) throw new Error('The segment was not prepared');
  return held.plan;
}

function internalError(): Next {
  const detail = 'An internal error ended the execution';
  return { do: 'finish', outcome: { status: 'failed', code: 'internal', detail } };
}

function withoutSecrets(redact: Redact, outcome: Outcome): Outcome {
  return outcome.status === 'failed' ? { ...outcome, detail: redact(outcome.detail) } : outcome;
}
