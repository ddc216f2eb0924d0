import type { Logger } from 'pino';
import { uuidv7 } from 'uuidv7';
import { registerDeliveries, registerWorkflows } from '../workflows/register-workflows.ts';
import type { AgentCatalog } from './agents/load-agents.ts';
import type { ModelRegistry } from './agents/model-registry.ts';
import { ApprovalExpirer } from './approvals/approval-expirer.ts';
import { AutomationRunner } from './automations/automation-runner.ts';
import type { FireDeps } from './automations/fire.ts';
import { inputRenderer } from './automations/render-input.ts';
import type { LogHints } from './chunks/log-hints.ts';
import { LogWriter } from './chunks/log-writer.ts';
import type { RecentRows } from './chunks/recent-rows.ts';
import type { Closers } from './close-all.ts';
import type { Config } from './config/config.ts';
import { packageVersion } from './config/package.ts';
import type { Redact } from './config/redact.ts';
import type { Database } from './db/database.ts';
import { createEngine, type Engine } from './dbos/engine.ts';
import { removeEndedSegments } from './dbos/remove-ended-segments.ts';
import type { CancelDeps } from './executions/cancel-execution.ts';
import { handOverOwned } from './executions/hand-over-owned.ts';
import { OwnershipLost } from './executions/ownership.ts';
import type { Metrics } from './metrics/create-metrics.ts';
import { createDeliverySteps } from './notifications/delivery-steps.ts';
import { NotificationSender } from './notifications/notification-sender.ts';
import type { Notify } from './notifications/notify.ts';
import { recordNotification } from './notifications/record-notification.ts';
import { RETRY_SCHEDULE } from './notifications/retry-schedule.ts';
import { idleTransactionMs, openPool } from './open-pools.ts';
import { createOutbound } from './outbound/request.ts';
import { Maintenance } from './retention/maintenance.ts';
import type { ThreadNews } from './threads/thread-news.ts';
import { createExecutionSteps } from './workers/execution-steps.ts';
import { OwnedExecutions } from './workers/owned-executions.ts';
import { ownPlace, type ProcessPlace } from './workers/process-place.ts';
import { Slots } from './workers/slots.ts';
import { Sweeper } from './workers/sweeper.ts';
import { Worker } from './workers/worker.ts';

interface Effects extends CancelDeps {
  notify: Notify | undefined;
}

/** What the rest of the server has to know of its worker. */
export interface WorkerParts {
  engine: Engine;
  /** What changing executions takes, whoever does it. */
  effects: Effects;
  executions: OwnedExecutions;
  closing: AbortController;
  /** Looks at once whether an execution is still this process' own. */
  lookAfter(executionNo: number): void;
}

export interface WorkerInputs {
  config: Config;
  logger: Logger;
  metrics: Metrics;
  db: Database;
  databaseOf: (tenantId: string) => Database;
  recentRows: RecentRows;
  hints: LogHints;
  threadNews: ThreadNews;
  agents: AgentCatalog;
  models: ModelRegistry;
  url: string;
  closers: Closers;
  redact: Redact;
}

/**
 * Starts what runs executions, and what looks after them on every worker. A process that only answers requests has the
 * engine and the log writer of it.
 */
export async function startWorker(inputs: WorkerInputs): Promise<WorkerParts> {
  const { config, logger, metrics, db, databaseOf, recentRows, hints, threadNews, agents, models, closers } =
    inputs;
  const place = await ownPlace();
  const workerId = uuidv7();
  const slots = new Slots(config.WORKER_CONCURRENCY);
  const runsExecutions = config.OUTLAST_ROLE !== 'api';
  const closing = new AbortController();
  let isLaunched = false;
  const engine = await createEngine({
    databaseUrl: inputs.url,
    executorId: workerId,
    idleTransactionMs: idleTransactionMs(config),
    concurrency: runsExecutions ? config.WORKER_CONCURRENCY : 0,
    freeSlots: () => (runsExecutions && isLaunched && !closing.signal.aborted ? slots.available : 0),
    logger,
  });
  closers.push(() => engine.shutdown());
  const logWriter = new LogWriter({
    db,
    recentRows,
    hints,
    logger,
    flushIntervalMs: config.LOG_FLUSH_INTERVAL_MS,
    metrics: metrics.log,
  });
  metrics.observeLogWriter(logWriter);
  closers.push(() => logWriter.stop(new OwnershipLost('The process ends')));
  const { dispatch, segments } = engine;
  const executions = new OwnedExecutions((owned) =>
    handOverOwned(
      { dispatch, discard: segments.discard, threadNews, logger, metrics: metrics.executions },
      owned,
    ),
  );
  const effects: Effects = {
    dispatch,
    discard: segments.discard,
    notify: config.OUTLAST_NOTIFY_URL === undefined ? undefined : recordNotification,
    publish: (executionNo, rows) => logWriter.publish(executionNo, rows),
    abandon: (segment, reason) => executions.abandon(segment, reason),
    threadNews,
    logger,
    metrics,
  };
  const worker = makeWorker(inputs, { workerId, place, executions });
  registerWorkflows(
    engine,
    createExecutionSteps({
      db,
      databaseOf,
      logWriter,
      agents,
      models,
      dispatch,
      notify: effects.notify,
      executions,
      slots,
      workerId,
      lease: worker,
      threadNews,
      closing: closing.signal,
      redact: inputs.redact,
      logger,
      metrics: metrics.executions,
    }),
  );
  const sender = runsExecutions ? prepareSender(inputs, engine, worker, closing.signal) : undefined;
  if (runsExecutions) {
    await worker.start();
    closers.push(() => worker.stop());
    const pendingNotifications = () => sender?.pending ?? 0;
    metrics.observeWorker({ executions, slots, lease: worker, pendingNotifications });
  }
  await engine.launch();
  isLaunched = true;
  if (runsExecutions) startSweeper(inputs, engine, worker, place);
  if (runsExecutions) startExpirer(inputs, effects);
  if (runsExecutions) startAutomations(inputs, effects, closing.signal);
  if (runsExecutions) startMaintenance(inputs);
  if (sender !== undefined) {
    sender.start();
    closers.push(() => sender.stop(config.SHUTDOWN_GRACE_MS));
  }
  const lookAfter = (executionNo: number) => {
    if (executions.holds(executionNo)) worker.look();
  };
  return { engine, effects, executions, closing, lookAfter };
}

/** Its lease has a connection of its own: it must not wait behind the work of a busy pool. */
function makeWorker(
  { config, logger, url, closers }: WorkerInputs,
  { workerId, place, executions }: { workerId: string; place: ProcessPlace; executions: OwnedExecutions },
): Worker {
  const db = openPool(config, logger, url, 1);
  closers.push(() => db.close());
  return new Worker({
    db,
    workerId,
    place,
    version: packageVersion,
    heartbeatMs: config.WORKER_HEARTBEAT_MS,
    deadAfterMs: config.WORKER_DEAD_AFTER_MS,
    logger,
    executions,
    onLost: () => {
      executions.loseAll(new OwnershipLost('The lease of this worker is lost'));
      process.exit(1);
    },
  });
}

function startSweeper(
  { config, logger, metrics, db, threadNews, closers }: WorkerInputs,
  engine: Engine,
  worker: Worker,
  place: ProcessPlace,
): void {
  const sweeper = new Sweeper({
    db,
    workerId: worker.id,
    place,
    intervalMs: config.WORKER_HEARTBEAT_MS,
    deadAfterMs: config.WORKER_DEAD_AFTER_MS,
    dispatch: engine.dispatch,
    segments: engine.segments,
    mayJudge: () => worker.mayJudge,
    threadNews,
    logger,
    metrics: metrics.executions,
  });
  sweeper.start();
  closers.push(() => sweeper.stop());
}

/** Registers the workflow of deliveries, if somebody wants to be told. */
function prepareSender(
  { config, logger, metrics, db }: WorkerInputs,
  engine: Engine,
  worker: Worker,
  closing: AbortSignal,
): NotificationSender | undefined {
  const { OUTLAST_NOTIFY_URL: url, OUTLAST_NOTIFY_SECRET: secret } = config;
  if (url === undefined || secret === undefined) return undefined;
  const steps = createDeliverySteps({
    db,
    workerId: worker.id,
    lease: worker,
    receiver: { url: new URL(url), secret },
    send: createOutbound({ allowPrivate: config.OUTLAST_NOTIFY_ALLOW_PRIVATE }),
    schedule: RETRY_SCHEDULE,
    random: Math.random,
    logger,
    metrics: metrics.deliveries,
  });
  registerDeliveries(engine, steps);
  const mayTake = () => !closing.aborted;
  return new NotificationSender({ db, workerId: worker.id, deliver: engine.deliver, mayTake, logger });
}

function startExpirer({ db, logger, closers }: WorkerInputs, decisions: CancelDeps): void {
  const expirer = new ApprovalExpirer({ db, decisions, logger });
  expirer.start();
  closers.push(() => expirer.stop());
}

function startAutomations(
  { config, logger, metrics, db, databaseOf, closers }: WorkerInputs,
  effects: CancelDeps,
  closing: AbortSignal,
): void {
  const fire: FireDeps = {
    ...effects,
    metrics,
    renderInput: inputRenderer(config.OUTLAST_AUTOMATION_INPUT_LIMIT),
    tenantConcurrency: config.OUTLAST_AUTOMATION_CONCURRENCY,
  };
  const runner = new AutomationRunner({ db, databaseOf, fire, mayStart: () => !closing.aborted, logger });
  runner.start();
  closers.push(() => runner.stop());
}

function startMaintenance({ config, logger, metrics, db, closers }: WorkerInputs): void {
  const maintenance = new Maintenance({
    db,
    intervalMs: config.MAINTENANCE_INTERVAL_MS,
    chunkRetentionDays: config.CHUNK_RETENTION_DAYS,
    auditRetentionDays: config.OUTLAST_AUDIT_RETENTION_DAYS,
    firingRetentionDays: config.FIRING_RETENTION_DAYS,
    removeEndedSegments,
    report: metrics.maintained,
    logger,
  });
  maintenance.start();
  closers.push(() => maintenance.stop());
}
