import { Agent } from 'node:http';
import pg from 'pg';
import { installAudit } from '../../chaos/cluster/audit.ts';
import { createApiKey } from '../../src/auth/create-api-key.ts';
import { openDatabase } from '../../src/db/database.ts';
import { AUTH_ENV, asUser, nowSeconds } from '../../tests/auth/tokens.ts';
import { startServer, type TestServer } from '../../tests/support/server.ts';
import { Things } from './things.ts';

/** A real server that is fuzzed, who asks it, and what is known of what it has. */
export interface FuzzServer {
  readonly name: string;
  readonly url: string;
  readonly callers: ReadonlyMap<string, Record<string, string>>;
  readonly things: Things;
  readonly agent: Agent;
  readonly database: pg.Pool;
  /** Where the tools of the example agents write down what they do. */
  readonly dataDir: string;
  /** What the process has written: its log, as JSON lines. */
  log(): string;
  /** Whether it is the process that was started, and alive. */
  isAlive(): boolean;
  dispose(): Promise<void>;
}

/** Much goes on at once, and what it is told of is given up at once. */
const ENV = {
  WORKER_CONCURRENCY: '2000',
  OUTLAST_RATE_LIMIT: '0',
  OUTLAST_RATE_LIMIT_ADDRESS: '0',
  OUTLAST_MAX_STREAMS: '0',
  OUTLAST_NOTIFY_URL: 'http://127.0.0.1:9/',
  OUTLAST_NOTIFY_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}`,
};
const A_DAY_S = 86_400;

/** A server that asks nobody who they are. */
export async function startOpenServer(): Promise<FuzzServer> {
  const server = await startServer({ env: ENV });
  return observe('open', server, new Map([['anybody', {}]]));
}

/** A server that asks: users, one of whom is a role that may do everything, keys of two tenants, and nobody. */
export async function startAskingServer(): Promise<FuzzServer> {
  const server = await startServer({
    env: { ...ENV, ...AUTH_ENV, OUTLAST_JWT_ROLE_SCOPES: 'operator=admin' },
  });
  const exp = nowSeconds() + A_DAY_S;
  const callers = new Map<string, Record<string, string>>([
    ['nobody', {}],
    ['ann', asUser({ exp, roles: ['operator'] })],
    ['bob', asUser({ exp, sub: 'bob' })],
    ['acme', await makeKey(server, 'acme')],
    ['globex', await makeKey(server, 'globex')],
  ]);
  return observe('asking', server, callers);
}

async function makeKey({ databaseUrl }: TestServer, tenantId: string): Promise<Record<string, string>> {
  const db = openDatabase({
    url: databaseUrl,
    poolSize: 1,
    idleTransactionMs: 5000,
    onError: () => undefined,
  });
  const { key } = await createApiKey(db.orm, {
    name: 'fuzz',
    scopes: ['admin'],
    tenantId,
    ownerId: null,
    expiresAt: null,
  });
  await db.close();
  return { 'x-api-key': key };
}

async function observe(
  name: string,
  server: TestServer,
  callers: FuzzServer['callers'],
): Promise<FuzzServer> {
  const database = new pg.Pool({ connectionString: server.databaseUrl, max: 2 });
  database.on('error', () => undefined);
  await installAudit(database);
  const agent = new Agent({ keepAlive: true });
  const { pid, url, dataDir } = server;
  return {
    name,
    url,
    callers,
    things: new Things(),
    agent,
    database,
    dataDir,
    log: () => server.log(),
    isAlive: () => isRunning(pid),
    dispose: async () => {
      agent.destroy();
      await database.end();
      await server.dispose();
    },
  };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
