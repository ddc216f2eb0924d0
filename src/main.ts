import type { Logger } from 'pino';
import { registerAgentLoader } from './agents/import-agent.ts';
import { type AgentCatalog, loadAgents } from './agents/load-agents.ts';
import { createModelRegistry, type ModelRegistry } from './agents/model-registry.ts';
import { ApprovalWatch } from './approvals/approval-watch.ts';
import { PageOrigins } from './apps/page-origins.ts';
import type { Authenticator } from './auth/authenticator.ts';
import { chooseAuthenticator, OPEN_NOTICE, refuseExposed } from './auth/choose-authenticator.ts';
import { inputRenderer } from './automations/render-input.ts';
import { LogHints } from './chunks/log-hints.ts';
import { LogWatch } from './chunks/log-watch.ts';
import { RecentRows } from './chunks/recent-rows.ts';
import { type Closers, closeAll } from './close-all.ts';
import { type Config, secretsOf } from './config/config.ts';
import { packageVersion } from './config/package.ts';
import { redactor } from './config/redact.ts';
import type { Database } from './db/database.ts';
import { isAtHead, migrate } from './db/migrate.ts';
import { APPLICATION_VERSION } from './dbos/engine.ts';
import { migrateDbos } from './dbos/migrate-dbos.ts';
import { openEmbeddedPostgres } from './embedded/postgres.ts';
import { OwnershipLost } from './executions/ownership.ts';
import { createApp } from './http/app.ts';
import { type HttpServer, startHttp } from './http/server.ts';
import { type RequestLimits, requestLimits } from './limits/request-limits.ts';
import { createMetrics, type Metrics } from './metrics/create-metrics.ts';
import { openPools } from './open-pools.ts';
import { createOutbound } from './outbound/request.ts';
import { findEncryptionKeys } from './secrets/find-encryption-keys.ts';
import { startWorker, type WorkerParts } from './start-worker.ts';
import { ThreadNews } from './threads/thread-news.ts';
import { ThreadWatch } from './threads/thread-watch.ts';

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
  const redact = redactor(secretsOf(config));
  const agents = await loadAgents({
    dir: config.OUTLAST_AGENTS_DIR,
    importModule: registerAgentLoader(),
    redact,
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
  const parts = await startWorker({ ...shared, hints, redact, config, logger, url, closers });
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
    effects,
    closing,
  } = parts;
  const app = createApp({
    ...effects,
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
    encryptionKeys: await findEncryptionKeys(config),
    renderInput: inputRenderer(config.OUTLAST_AUTOMATION_INPUT_LIMIT),
    outbound: createOutbound({ allowPrivate: config.OUTLAST_FILES_ALLOW_PRIVATE }),
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
