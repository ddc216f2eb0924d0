import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { migrate } from '../../src/db/migrate.ts';
import { migrateDbos } from '../../src/dbos/migrate-dbos.ts';
import { PrivatePostgres } from '../../tests/crash/private-postgres.ts';
import { installAudit } from './audit.ts';

const RETRY_MS = 25;
const PATIENCE_MS = 30_000;

/** The one Postgres of a cluster, which is stopped and killed like everything else, and our own way into it. */
export class ClusterDatabase {
  readonly url: string;
  readonly #postgres: PrivatePostgres;
  readonly #pool: pg.Pool;

  private constructor(postgres: PrivatePostgres) {
    this.#postgres = postgres;
    this.url = postgres.url;
    this.#pool = new pg.Pool({ connectionString: postgres.url, max: 8, application_name: 'chaos' });
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  /** A migrated database in a Postgres of its own, with fsync as in production. */
  static async create(): Promise<ClusterDatabase> {
    const postgres = await PrivatePostgres.start();
    const database = new ClusterDatabase(postgres);
    await migrate(postgres.url, [migrateDbos]);
    await installAudit(database.#pool);
    return database;
  }

  /** Asks until Postgres answers: a restart of it is one of the faults. */
  async ask<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return (await this.#pool.query<Row>(text, values)).rows;
      } catch (error) {
        if (performance.now() > deadline) throw error;
      }
      await delay(RETRY_MS);
    }
  }

  /** Asks once; undefined when Postgres did not answer. */
  async askOnce<Row extends pg.QueryResultRow>(
    text: string,
    values: unknown[] = [],
  ): Promise<Row[] | undefined> {
    return this.#pool.query<Row>(text, values).then(
      ({ rows }) => rows,
      () => undefined,
    );
  }

  /** `fast`: sessions are cut, then it shuts down. `immediate`: it ends at once, and recovers at its next start. */
  async restart(how: 'fast' | 'immediate'): Promise<void> {
    await this.#postgres.stop(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await this.#postgres.start();
  }

  async dispose(): Promise<void> {
    await this.#pool.end();
    await this.#postgres.dispose();
  }
}
