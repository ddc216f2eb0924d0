import type pg from 'pg';
import type { Database } from '../../src/db/database.ts';
import { openPool } from './log-database.ts';

/**
 * What goes wrong with a statement that writes: the connection breaks before it is sent, or after it took effect
 * but before its answer is heard; or it breaks while the statement is on its way (`late`: it runs afterwards) or
 * under way (`open`: it has done its work and holds its locks, and commits afterwards).
 */
export type Fault = 'none' | 'before' | 'after' | 'late' | 'open';

export interface FaultyDatabase extends Database {
  /** The faults of the statements that write, in order; none after the last. */
  plan(faults: readonly Fault[]): void;
  /** Lets what was on its way arrive. */
  releaseLate(): Promise<void>;
  /** The server processes of its connections. */
  sessions(): number[];
}

type Query = (...args: unknown[]) => Promise<unknown>;

/** A database whose connections break as planned. */
export function openFaultyDatabase(url: string): FaultyDatabase {
  const db = openPool(url);
  const faults = new FaultPlan();
  const clients = new Set<pg.PoolClient>();
  db.pool.on('connect', (client) => clients.add(client));
  db.pool.on('remove', (client) => clients.delete(client));
  const query = db.pool.query.bind(db.pool) as unknown as Query;
  const connect = db.pool.connect.bind(db.pool);
  const pool = db.pool as unknown as { query: unknown; connect: unknown };
  pool.query = (...args: unknown[]) => {
    if (typeof args.at(-1) === 'function' || !isAppend(args[0])) return query(...args);
    return faults.meet({
      run: () => query(...args),
      open: async () => {
        const client = await connect();
        const begun = client
          .query('BEGIN')
          .then(() => (client.query as unknown as Query).apply(client, args));
        await begun.catch(() => undefined);
        return () => client.query('COMMIT').finally(() => client.release(true));
      },
    });
  };
  pool.connect = async (...args: unknown[]) => {
    if (args.length > 0) return (connect as unknown as Query)(...args);
    return breakable(await connect(), faults);
  };
  return Object.assign(db, {
    plan: (planned: readonly Fault[]) => faults.plan(planned),
    releaseLate: () => faults.release(),
    sessions: () => [...clients].map((client) => (client as unknown as { processID: number }).processID),
  });
}

function isAppend(query: unknown): boolean {
  return (query as { name?: string } | undefined)?.name === 'log-append';
}

/** A client whose COMMIT may break; from then on it is dead for whoever holds it. */
function breakable(client: pg.PoolClient, faults: FaultPlan): pg.PoolClient {
  const own = client as unknown as { query?: Query; release: (error?: Error | boolean) => void };
  const query = client.query.bind(client) as unknown as Query;
  const release = own.release;
  let isDead = false;
  let isUnderWay = false;
  const giveBack = (error?: Error | boolean) => {
    delete own.query;
    release(error);
  };
  const arriveLater = async () => {
    isUnderWay = true;
    return () => query('COMMIT').finally(() => giveBack(true));
  };
  own.query = async (...args: unknown[]) => {
    if (isDead) throw new Error('Client has encountered a connection error and is not queryable');
    if (args[0] !== 'COMMIT') return query(...args);
    try {
      // A COMMIT that is late leaves its locks behind, so that it is the same as one under way.
      return await faults.meet({ run: () => query(...args), open: arriveLater }, 'open');
    } catch (error) {
      isDead = true;
      throw error;
    }
  };
  own.release = (error) => {
    if (!isUnderWay) giveBack(isDead || error);
  };
  return client;
}

interface Statement {
  run(): Promise<unknown>;
  /** Does the work, and gives back what commits it and lets its locks go. */
  open(): Promise<() => Promise<unknown>>;
}

/** How long the locks of a statement that is under way last, unless the next one comes first. */
const UNDER_WAY_MS = 10;

class FaultPlan {
  #faults: Fault[] = [];
  #late = new Set<() => Promise<unknown>>();

  plan(faults: readonly Fault[]): void {
    this.#faults = [...faults];
  }

  async meet(statement: Statement, late: Fault = 'late'): Promise<unknown> {
    const planned = this.#faults.shift() ?? 'none';
    const fault = planned === 'late' ? late : planned;
    if (this.#late.size > 0) setImmediate(() => void this.release());
    if (fault === 'none') return statement.run();
    if (fault === 'after') await statement.run();
    if (fault === 'late') this.#late.add(statement.run);
    if (fault === 'open') {
      const arrive = await statement.open();
      this.#late.add(arrive);
      setTimeout(() => void this.#arrive(arrive), UNDER_WAY_MS);
    }
    throw new Error('Connection terminated unexpectedly');
  }

  async release(): Promise<void> {
    await Promise.all([...this.#late].map((arrive) => this.#arrive(arrive)));
  }

  async #arrive(arrive: () => Promise<unknown>): Promise<void> {
    if (this.#late.delete(arrive)) await arrive().catch(() => undefined);
  }
}
