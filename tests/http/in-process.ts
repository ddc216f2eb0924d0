import pino from 'pino';
import { uuidv7 } from 'uuidv7';
import { createModelRegistry } from '../../src/agents/model-registry.ts';
import { ApprovalWatch } from '../../src/approvals/approval-watch.ts';
import { PageOrigins } from '../../src/apps/page-origins.ts';
import { openAuthenticator } from '../../src/auth/authenticator.ts';
import { inputRenderer } from '../../src/automations/render-input.ts';
import { type Chunk, serializeChunk } from '../../src/chunks/chunk.ts';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import { parseConfig } from '../../src/config/config.ts';
import { serializeError } from '../../src/config/serialize-error.ts';
import { APP_ROLE } from '../../src/db/app-role.ts';
import { type Database, ofTenant, openDatabase } from '../../src/db/database.ts';
import { createApp } from '../../src/http/app.ts';
import type { HttpDeps } from '../../src/http/deps.ts';
import { type HttpServer, type HttpServerOptions, startHttp } from '../../src/http/server.ts';
import { requestLimits } from '../../src/limits/request-limits.ts';
import { createMetrics } from '../../src/metrics/create-metrics.ts';
import { createOutbound } from '../../src/outbound/request.ts';
import { ThreadNews } from '../../src/threads/thread-news.ts';
import { createTestDatabase } from '../support/postgres.ts';

/** What secrets are sealed with in tests. */
export const TEST_KEY = { id: '00000000', bytes: Buffer.alloc(32, 7) };

/** The HTTP side alone, on a database whose rows the test writes itself: no worker gets in between. */
export interface TestHttp {
  readonly url: string;
  readonly db: Database;
  readonly recentRows: RecentRows;
  readonly http: HttpServer;
  readonly logged: string[];
  dispose(): Promise<void>;
}

/** @param databaseUrl a database that the caller drops; none: one of its own */
export async function serveAlone(
  overrides: Partial<HttpDeps> = {},
  limits: Partial<HttpServerOptions> = {},
  databaseUrl?: string,
): Promise<TestHttp> {
  const database = databaseUrl === undefined ? await createTestDatabase() : undefined;
  const logged: string[] = [];
  const logger = pino(
    { level: 'error', serializers: { err: serializeError } },
    { write: (line: string) => void logged.push(line) },
  );
  const url = databaseUrl ?? database?.url ?? '';
  const pool = { url, poolSize: 5, idleTransactionMs: 5000, onError: () => undefined };
  const db = openDatabase(pool);
  const ofApp = openDatabase({ ...pool, role: APP_ROLE });
  const recentRows = new RecentRows();
  const approvalWatch = new ApprovalWatch({ db, logger });
  const app = createApp({
    config: parseConfig({}),
    auth: openAuthenticator(),
    limits: requestLimits({ config: parseConfig({}), isOpen: true, db, logger }),
    pageOrigins: new PageOrigins(db.orm),
    db,
    databaseOf: (tenantId) => ofTenant(ofApp, tenantId),
    recentRows,
    approvalWatch,
    threadNews: new ThreadNews(),
    agents: { list: () => [], get: () => undefined, warning: null },
    models: createModelRegistry({}),
    dispatch: async () => () => undefined,
    discard: async () => undefined,
    notify: undefined,
    encryptionKeys: [TEST_KEY],
    renderInput: inputRenderer(10_000),
    outbound: createOutbound(),
    publish: (executionNo, rows) => recentRows.publish(executionNo, rows),
    abandon: () => undefined,
    readiness: async () => ({ database: 'ok' }),
    isDraining: () => false,
    logger,
    metrics: createMetrics(),
    version: { version: '1', node: '1', applicationVersion: '1' },
    ...overrides,
  });
  const http = await startHttp(app, {
    host: '127.0.0.1',
    port: 0,
    requestTimeoutMs: 10_000,
    maxConnections: 1000,
    ...limits,
  });
  const dispose = async () => {
    await http.close();
    await approvalWatch.stop();
    await ofApp.close();
    await db.close();
    await database?.drop();
  };
  return { url: http.url, db, recentRows, http, logged, dispose };
}

/** An execution that runs on a worker which does not exist, with an empty log. */
export async function insertRunning(db: Database): Promise<{ id: string; no: number }> {
  const id = uuidv7();
  const { rows } = await db.pool.query<{ no: string }>(
    `WITH thread AS (
       INSERT INTO outlast.threads (tenant_id, owner_id, id) VALUES ('default', 'local', $1::text) RETURNING no
     )
     INSERT INTO outlast.workflow_executions
       (id, tenant_id, owner_id, thread_no, ordinal, message_id, input_message_id, agent_id, source, status, segment,
        attempt, worker_id, input)
     SELECT $1::text::uuid, 'default', 'local', thread.no, 1, 'answer', 'question', 'a', 'api', 'running', 1, 1, 'w',
            '{"id":"question","role":"user","parts":[]}'
     FROM thread RETURNING no`,
    [id],
  );
  return { id, no: Number(rows[0]?.no) };
}

/** Commits chunks to a log, as a worker would. `publish` tells the readers in this process. */
export async function append(
  { db, recentRows }: Pick<TestHttp, 'db' | 'recentRows'>,
  no: number,
  seq: number,
  chunks: Chunk[],
  publish = true,
): Promise<void> {
  const row = { seq, n: chunks.length, attempt: 1, turn: 1, chunks: chunks.map(serializeChunk).join('\n') };
  await db.pool.query(
    `INSERT INTO outlast.stream_chunks (execution_no, tenant_id, seq, n, attempt, turn, chunks)
     VALUES ($1, 'default', $2, $3, 1, 1, $4)`,
    [no, row.seq, row.n, row.chunks],
  );
  if (publish) recentRows.publish(no, [row]);
}

export async function setStatus(db: Database, id: string, set: string): Promise<void> {
  await db.pool.query(`UPDATE outlast.workflow_executions SET ${set} WHERE id = $1`, [id]);
}
