import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { ConnectionLost } from './errors.ts';

/** By this the policies of the tables know the tenant. */
const TENANT_SETTING = 'outlast.tenant_id';

/** What a query runs on: the pool, or a transaction, so that the caller chooses. */
export type Executor = NodePgDatabase;

/** An open transaction; `$client` is its connection, for those who must join it with plain SQL. */
export type Transaction = Executor & { $client: pg.PoolClient };

/** The connection pool, plain and under Drizzle. */
export interface Database {
  readonly pool: pg.Pool;
  readonly orm: Executor;
  /** Whose rows are seen and written; undefined: all that the pool's role may. */
  readonly tenantId?: string;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  url: string;
  poolSize: number;
  /** Milliseconds that a transaction may sit idle: below the lease time, so that a frozen process blocks nobody. */
  idleTransactionMs: number;
  onError: (error: Error) => void;
  /** What queries run as, instead of the user who connects. */
  role?: string;
}

/** Opens the pool; connections are made when first needed. */
export function openDatabase(options: DatabaseOptions): Database {
  const { role } = options;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    connectionTimeoutMillis: 5000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    idle_in_transaction_session_timeout: options.idleTransactionMs,
    lock_timeout: 2000,
    application_name: 'outlast',
    ...(role === undefined ? {} : runningAs(role)),
  });
  pool.on('error', options.onError);
  // A checked-out client reports its own end too; unheard, that would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return { pool, orm: drizzle(pool), close: () => pool.end() };
}

/**
 * By a startup option, so that RESET ROLE leads back to the role too; and by a statement, for the URL may have options
 * of its own, and a pooler may drop them. Pipelined: the transaction around a single query costs no round trip.
 */
function runningAs(role: string): pg.PoolConfig {
  return {
    options: `-c role=${role}`,
    onConnect: (client) => client.query(`SET ROLE ${pg.escapeIdentifier(role)}`),
    pipeline: true,
  };
}

/** A tenant's database: the pool's own, in which each transaction sees and writes the rows of this tenant only. */
export function ofTenant(app: Database, tenantId: string): Database {
  const db = { ...app, tenantId };
  const query = (config: pg.QueryConfig, values?: unknown[]) => queryAlone(db, config, values);
  return { ...db, orm: drizzle({ query } as unknown as pg.Pool) };
}

/**
 * Runs `work` in one transaction (read committed) and commits what it did, or nothing if it throws.
 * Only the transaction itself may be awaited inside: a row lock is held.
 * @throws ConnectionLost when the connection broke; whether a COMMIT under way took effect is then unknown.
 */
export async function transaction<T>(
  db: Database,
  work: (tx: Transaction) => Promise<T>,
  isolation: 'read committed' | 'repeatable read' = 'read committed',
): Promise<T> {
  const client = await takeConnection(db);
  let broken: Error | undefined;
  try {
    await plain(client, begin(db, isolation));
    // Without the schema, which only relational queries need and which costs 0.14 ms each time.
    const result = await work(drizzle(client));
    await plain(client, 'COMMIT');
    return result;
  } catch (error) {
    broken = await rollBack(client);
    throw error;
  } finally {
    client.release(broken);
  }
}

/** Runs a statement written by hand on the pool, with its plan kept under `name`. */
export async function runQuery<Row extends pg.QueryResultRow>(
  db: Database,
  query: { name: string; text: string; values: unknown[] },
): Promise<Row[]> {
  try {
    const { rows } = await (db.tenantId === undefined
      ? db.pool.query<Row>(query)
      : queryAlone<Row>(db, query));
    return rows;
  } catch (error) {
    throw asConnectionLost(error);
  }
}

/** A query in a transaction of its own, which is all on its way before the first answer. */
async function queryAlone<Row extends pg.QueryResultRow>(
  db: Database,
  query: pg.QueryConfig,
  values?: unknown[],
): Promise<pg.QueryResult<Row>> {
  const client = await takeConnection(db);
  const [begun, result, committed] = await Promise.allSettled([
    client.query(begin(db)),
    client.query<Row>(query, values),
    client.query('COMMIT'),
  ]);
  client.release(committed.status === 'rejected');
  for (const each of [begun, result, committed]) if (each.status === 'rejected') throw each.reason;
  return (result as PromiseFulfilledResult<pg.QueryResult<Row>>).value;
}

/** With the tenant in the same message, and for this transaction only: the connection carries none to the next one. */
function begin({ tenantId }: Database, isolation = 'read committed'): string {
  const statement = `BEGIN ISOLATION LEVEL ${isolation}`;
  if (tenantId === undefined) return statement;
  return `${statement}; SET LOCAL ${TENANT_SETTING} = ${pg.escapeLiteral(tenantId)}`;
}

/** Takes a connection out of the pool, to be released by the caller. */
export async function takeConnection({ pool }: Database): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw asConnectionLost(error);
  }
}

async function plain(client: pg.PoolClient, statement: string): Promise<void> {
  try {
    await client.query(statement);
  } catch (error) {
    throw asConnectionLost(error);
  }
}

/** The error that makes a connection unusable for the next one, if there is one. */
async function rollBack(client: pg.PoolClient): Promise<Error | undefined> {
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** What is no answer of Postgres is the loss of the connection. */
export function asConnectionLost(error: unknown): unknown {
  if (error instanceof pg.DatabaseError) return error;
  return new ConnectionLost('The connection to Postgres was lost', { cause: error });
}
