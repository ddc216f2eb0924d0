import type { Logger } from 'pino';
import { uuidv7 } from 'uuidv7';
import { registerDeliveries, registerWorkflows } from '../workflows/register-workflows.ts';
import { registerAgentLoader } from './agents/import-agent.ts';
import { type AgentCatalog, loadAgents } from './agents/load-agents.ts';
import { createModelRegistry, type ModelRegistry } from './agents/model-registry.ts';
import { ApprovalExpirer } from './approvals/approval-expirer.ts';
import { ApprovalWatch } from './approvals/approval-watch.ts';
import { PageOrigins } from './apps/page-origins.ts';
import type { Authenticator } from './auth/authenticator.ts';
import { chooseAuthenticator, OPEN_NOTICE, refuseExposed } from './auth/choose-authenticator.ts';
import { AutomationRunner } from './automations/automation-runner.ts';
import type { FireDeps } from './automations/fire.ts';
import { inputRenderer } from './automations/render-input.ts';
import { LogHints } from './chunks/log-hints.ts';
import { LogWatch } from './chunks/log-watch.ts';
import { LogWriter } from './chunks/log-writer.ts';
import { RecentRows } from './chunks/recent-rows.ts';
import type { LogRow } from './chunks/row.ts';
import { type Config, secretsOf } from './config/config.ts';
import { packageVersion } from './config/package.ts';
import { redactor } from './config/redact.ts';
import { APP_ROLE } from './db/app-role.ts';
import { type Database, ofTenant, openDatabase } from './db/database.ts';
import { isAtHead, migrate } from './db/migrate.ts';
import { APPLICATION_VERSION, createEngine, type Engine } from './dbos/engine.ts';
import { migrateDbos } from './dbos/migrate-dbos.ts';
import { removeEndedSegments } from './dbos/remove-ended-segments.ts';
import { openEmbeddedPostgres } from './embedded/postgres.ts';
import { handOverOwned } from './executions/hand-over-owned.ts';
import { OwnershipLost } from './executions/ownership.ts';
import { createApp } from './http/app.ts';
import { type HttpServer, startHttp } from './http/server.ts';
import { type RequestLimits, requestLimits } from './limits/request-limits.ts';
import { createMetrics, type Metrics } from './metrics/create-metrics.ts';
import { createDeliverySteps } from './notifications/delivery-steps.ts';
import { NotificationSender } from './notifications/notification-sender.ts';
import type { Notify } from './notifications/notify.ts';
import { recordNotification } from './notifications/record-notification.ts';
import { RETRY_SCHEDULE } from './notifications/retry-schedule.ts';
import { createOutbound } from './outbound/request.ts';
import { Maintenance } from './retention/maintenance.ts';
import { findEncryptionKeys } from './secrets/find-encryption-keys.ts';
import { ThreadNews } from './threads/thread-news.ts';
import { ThreadWatch } from './threads/thread-watch.ts';
import { createExecutionSteps } from './workers/execution-steps.ts';
import { OwnedExecutions } from './workers/owned-executions.ts';
import { ownPlace, type ProcessPlace } from './workers/process-place.ts';
import { Slots } from './workers/slots.ts';
import { Sweeper } from './workers/sweeper.ts';
import { Worker } from './workers/worker.ts';

/** A running server. */
export interface Server {
  readonly url: string;
  readonly agents: AgentCatalog;
  readonly models: ModelRegistry;
  /** What the person who started it should know, such as data that lies elsewhere. */
  readonly notices: readonly string[];
  /** Drains and ends everything in order; safe to call twice. */
  stop(): Promise<void>;
}

/** The log writer and the watch have one each most of the time; the rest is for short looks and claims. */
const SYSTEM_POOL_SIZE = 6;

/** Everything that has to be ended, in the order in which it was begun. */
type Closers = (() => Promise<void>)[];

/**
 * Starts the server: database, migrations, worker, HTTP, in this order, and takes up what a crash left behind.
 * @throws when any of it fails; what was begun is ended by then
 */
export async function startServer(config: Config, logger: Logger): Promise<Server> {
  const closers: Closers = [];
  try {
    return await assemble(config, logger, closers);
  } catch (error) {
    await closeAll(closers, logger);
    throw error;
  }
}

async function assemble(config: Config, logger: Logger, closers: Closers): Promise<Server> {
  refuseExposed(config);
  // The AI SDK would print what a provider does not support to the console.
  globalThis.AI_SDK_LOG_WARNINGS = (options) => logger.debug(options, 'model.warnings');
  const models = createModelRegistry(modelConfig(config));
  const agents = await loadAgents({
    dir: config.OUTLAST_AGENTS_DIR,
    importModule: registerAgentLoader(),
    redact: redactor(secretsOf(config)),
  });
  const { url, notices } = await findDatabase(config, logger, closers);
  await migrate(url, [migrateDbos]);
  const { db, databaseOf } = openPools(config, logger, url, closers);
  const auth = chooseAuthenticator(config, db.orm, logger);
  closers.push(async () => auth.stop());
  if (auth.isOpen) logger.warn('auth.open');
  const metrics = createMetrics();
  metrics.observeProcess();
  const limits = requestLimits({ config, isOpen: auth.isOpen, db, logger, onRefused: metrics.limited });
  closers.push(() => limits.stop());
  const recentRows = new RecentRows({ onDelivery: metrics.delivered });
  metrics.observeReaders({ readers: () => recentRows.readers, greatestLag: () => recentRows.greatestLag });
  const approvalWatch = new ApprovalWatch({ db, logger });
  closers.push(() => approvalWatch.stop());
  const hints = new LogHints(db, logger, metrics.hints);
  const threadNews = new ThreadNews(hints);
  let lookAfter = (_executionNo: number) => {};
  const watch = new LogWatch({
    db,
    databaseUrl: url,
    recentRows,
    inbox: approvalWatch,
    threads: new ThreadWatch(db, threadNews, logger),
    logger,
    metrics: metrics.watch,
    onChanged: (executionNo) => lookAfter(executionNo),
  });
  watch.start();
  closers.push(() => watch.stop());
  const shared = { metrics, db, databaseOf, recentRows, threadNews, agents, models };
  const parts = await startWorker({ ...shared, hints, config, logger, url, closers });
  lookAfter = parts.lookAfter;
  const http = await serve(config, logger, { ...shared, auth, limits, approvalWatch, watch, ...parts });
  metrics.observeHttp({ openStreams: () => http.openStreams });
  closers.push(() => http.close());
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= drain(config, http, parts).then(() => closeAll(closers, logger));
    return stopping;
  };
  const all = auth.isOpen ? [...notices, OPEN_NOTICE] : notices;
  return { url: http.url, agents, models, notices: all, stop };
}

interface WorkerParts {
  engine: Engine;
  logWriter: LogWriter;
  executions: OwnedExecutions;
  closing: AbortController;
  /** Looks at once whether an execution is still this process' own. */
  lookAfter(executionNo: number): void;
}

async function findDatabase(
  config: Config,
  logger: Logger,
  closers: Closers,
): Promise<{ url: string; notices: string[] }> {
  if (config.DATABASE_URL !== undefined) return { url: config.DATABASE_URL, notices: [] };
  const embedded = await openEmbeddedPostgres({ dataDir: config.OUTLAST_DATA_DIR, log: logger });
  closers.push(() => embedded.release());
  return { url: embedded.url, notices: embedded.notice === null ? [] : [embedded.notice] };
}

interface WorkerInputs {
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
}

async function startWorker(inputs: WorkerInputs): Promise<WorkerParts> {
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
      notify: notifyOf(config),
      executions,
      slots,
      workerId,
      lease: worker,
      threadNews,
      closing: closing.signal,
      redact: redactor(secretsOf(config)),
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
  if (runsExecutions) startExpirer(inputs, engine, logWriter);
  if (runsExecutions) startAutomations(inputs, engine, logWriter, executions, closing.signal);
  if (runsExecutions) startMaintenance(inputs);
  if (sender !== undefined) {
    sender.start();
    closers.push(() => sender.stop(config.SHUTDOWN_GRACE_MS));
  }
  const lookAfter = (executionNo: number) => {
    if (executions.holds(executionNo)) worker.look();
  };
  return { engine, logWriter, executions, closing, lookAfter };
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

function notifyOf({ OUTLAST_NOTIFY_URL: url }: Config): Notify | undefined {
  return url === undefined ? undefined : recordNotification;
}

function startExpirer(
  { config, db, threadNews, logger, closers }: WorkerInputs,
  engine: Engine,
  logWriter: LogWriter,
): void {
  const { dispatch, segments } = engine;
  const publish = (executionNo: number, rows: readonly LogRow[]) => logWriter.publish(executionNo, rows);
  const decisions = { dispatch, discard: segments.discard, notify: notifyOf(config), publish, threadNews };
  const expirer = new ApprovalExpirer({ db, decisions, logger });
  expirer.start();
  closers.push(() => expirer.stop());
}

function startAutomations(
  { config, logger, metrics, db, databaseOf, threadNews, closers }: WorkerInputs,
  { dispatch, segments }: Engine,
  logWriter: LogWriter,
  executions: OwnedExecutions,
  closing: AbortSignal,
): void {
  const fire: FireDeps = {
    dispatch,
    discard: segments.discard,
    notify: notifyOf(config),
    publish: (executionNo, rows) => logWriter.publish(executionNo, rows),
    abandon: (segment, reason) => executions.abandon(segment, reason),
    threadNews,
    logger,
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

interface HttpParts extends WorkerParts {
  auth: Authenticator;
  limits: RequestLimits;
  metrics: Metrics;
  db: Database;
  databaseOf: (tenantId: string) => Database;
  recentRows: RecentRows;
  approvalWatch: ApprovalWatch;
  threadNews: ThreadNews;
  watch: LogWatch;
  agents: AgentCatalog;
  models: ModelRegistry;
}

async function serve(config: Config, logger: Logger, parts: HttpParts): Promise<HttpServer> {
  const {
    auth,
    limits,
    metrics,
    db,
    databaseOf,
    recentRows,
    approvalWatch,
    threadNews,
    watch,
    agents,
    models,
    engine,
    logWriter,
    executions,
    closing,
  } = parts;
  const app = createApp({
    config,
    auth,
    limits,
    pageOrigins: new PageOrigins(db.orm),
    db,
    databaseOf,
    recentRows,
    approvalWatch,
    threadNews,
    agents,
    models,
    dispatch: engine.dispatch,
    discard: engine.segments.discard,
    notify: notifyOf(config),
    encryptionKeys: await findEncryptionKeys(config),
    renderInput: inputRenderer(config.OUTLAST_AUTOMATION_INPUT_LIMIT),
    outbound: createOutbound({ allowPrivate: config.OUTLAST_FILES_ALLOW_PRIVATE }),
    publish: (executionNo, rows) => logWriter.publish(executionNo, rows),
    abandon: (segment, reason) => executions.abandon(segment, reason),
    isDraining: () => closing.signal.aborted,
    readiness: async () => ({ ...(await probe(db)), listener: watch.isHearing ? 'ok' : 'not connected' }),
    logger,
    metrics,
    version: {
      version: packageVersion,
      node: process.versions.node,
      applicationVersion: APPLICATION_VERSION,
    },
  });
  return startHttp(app, {
    host: config.HOST,
    port: config.PORT,
    requestTimeoutMs: config.OUTLAST_REQUEST_TIMEOUT_MS,
    maxConnections: config.OUTLAST_MAX_CONNECTIONS,
  });
}

async function probe(db: Database): Promise<Record<'database' | 'migrations', string>> {
  try {
    return { database: 'ok', migrations: (await isAtHead(db)) ? 'ok' : 'not at the newest' };
  } catch {
    return { database: 'cannot be reached', migrations: 'unknown' };
  }
}

/** No new work, readers sent elsewhere, what is under way finished or handed over. */
async function drain(
  config: Config,
  http: HttpServer,
  { engine, executions, closing }: WorkerParts,
): Promise<void> {
  closing.abort(new OwnershipLost('The process ends'));
  engine.stopTaking(config.SHUTDOWN_GRACE_MS);
  http.cutStreams();
  await executions.drain(config.SHUTDOWN_GRACE_MS);
}

async function closeAll(closers: Closers, logger: Logger): Promise<void> {
  for (const close of closers.splice(0).reverse()) {
    await close().catch((error: unknown) => logger.error({ err: error }, 'server.close-failed'));
  }
}

/**
 * What belongs to a tenant is worked on as the application's role. What comes before the tenant is known, and what
 * serves all at once (log writer, watches, sweeper, healers, maintenance, notifications), sees everything through a
 * few connections of its own.
 */
function openPools(config: Config, logger: Logger, url: string, closers: Closers) {
  const db = openPool(config, logger, url, SYSTEM_POOL_SIZE);
  closers.push(() => db.close());
  const app = openPool(config, logger, url, config.DATABASE_POOL_SIZE, APP_ROLE);
  closers.push(() => app.close());
  return { db, databaseOf: (tenantId: string) => ofTenant(app, tenantId) };
}

function openPool(config: Config, logger: Logger, url: string, poolSize: number, role?: string): Database {
  return openDatabase({
    url,
    poolSize,
    ...(role === undefined ? {} : { role }),
    idleTransactionMs: idleTransactionMs(config),
    onError: (error) => logger.warn({ err: error }, 'database.connection-lost'),
  });
}

/** Below the lease time, so that a process that is frozen inside a transaction does not block its own takeover. */
function idleTransactionMs(config: Config): number {
  return Math.max(100, Math.round(config.WORKER_DEAD_AFTER_MS * 0.8));
}

function modelConfig(config: Config) {
  return {
    openaiApiKey: config.OPENAI_API_KEY,
    openaiBaseUrl: config.OPENAI_BASE_URL,
    anthropicApiKey: config.ANTHROPIC_API_KEY,
    anthropicBaseUrl: config.ANTHROPIC_BASE_URL,
    compatibleBaseUrl: config.OUTLAST_MODEL_BASE_URL,
    compatibleApiKey: config.OUTLAST_MODEL_API_KEY,
    defaultModel: config.OUTLAST_MODEL,
  };
}
