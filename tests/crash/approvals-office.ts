import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { installAudit } from '../../chaos/cluster/audit.ts';
import { readEffects } from '../../chaos/verify/effects.ts';
import { readStored, type Stored } from '../../chaos/verify/evidence.ts';
import { type Database, runQuery } from '../../src/db/database.ts';
import { DeciderProcess } from '../support/decider-process.ts';
import { openPool } from '../support/log-database.ts';
import type { TestServer } from '../support/server.ts';
import type { Victim } from './approvals-kill-table.ts';
import { expectDeath, startKillable } from './recovery-run.ts';

const AGENTS = 'tests/crash/fixtures/cashier';

/** A server that runs executions, one beside it that only serves, and a process that only decides; on one database. */
export class Office {
  readonly server: TestServer;
  readonly api: TestServer;
  readonly decider: DeciderProcess;
  readonly db: Database;

  private constructor(server: TestServer, api: TestServer, decider: DeciderProcess) {
    this.server = server;
    this.api = api;
    this.decider = decider;
    this.db = openPool(server.databaseUrl);
  }

  static async open(): Promise<Office> {
    const env = { OUTLAST_AGENTS_DIR: AGENTS, LOG_LEVEL: 'warn' };
    const server = await startKillable({ env });
    const { databaseUrl } = server;
    const [api, decider] = await Promise.all([
      startKillable({ databaseUrl, env: { ...env, OUTLAST_ROLE: 'api' } }),
      DeciderProcess.start(databaseUrl, AGENTS),
    ]);
    const office = new Office(server, api, decider);
    await installAudit(office.db.pool);
    return office;
  }

  async close(): Promise<void> {
    await this.db.close();
    await this.decider.dispose();
    await this.api.dispose();
    await this.server.dispose();
  }

  query<Row extends object>(text: string, values: unknown[]): Promise<Row[]> {
    return runQuery<Row>(this.db, { name: '', text, values });
  }

  /** Waits until a process has killed itself at its point, and starts it again. */
  async outlive(victim: Victim): Promise<void> {
    await expectDeath(this[victim]);
    expect(existsSync(join(this[victim].dataDir, 'kill-point.json'))).toBe(false);
    await this[victim].start();
  }

  /** All that is stored, and what the tools did. */
  async evidenceOf(ids: readonly string[]): Promise<Stored[]> {
    const effects = await readEffects([{ options: { dataDir: this.server.dataDir, skewMs: 0 } }]);
    const database = {
      ask: <Row extends object>(text: string, values: unknown[] = []) => this.query<Row>(text, values),
    };
    return readStored(database, ids, effects);
  }
}
