import { afterEach, beforeEach, test } from '@jest/globals';
import pg from 'pg';
import { LogListener } from '../../src/chunks/log-listener.ts';
import { withClient } from '../support/execution-record.ts';
import { collectGarbage } from '../support/gc.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

const { query } = pg.Client.prototype;

let database: TestDatabase;
let listener: LogListener;
let begun: number;

beforeEach(async () => {
  begun = 0;
  database = await createTestDatabase();
  listener = new LogListener({
    databaseUrl: database.url,
    logger: silentLog,
    onHints: () => undefined,
    onListening: () => {
      begun += 1;
    },
  });
});

afterEach(async () => {
  pg.Client.prototype.query = query;
  await listener.stop();
  await database.drop();
});

test('a listening connection that was lost is let go, however many there were', async () => {
  const made = rememberClients();
  listener.start();
  for (let lost = 0; lost < 4; lost++) {
    await waitFor(() => begun > lost, { describe: 'listening' });
    await killListener();
  }
  await waitFor(() => begun > 4, { describe: 'listening again' });
  await waitFor(
    async () => {
      await collectGarbage();
      return made.filter((client) => client.deref() !== undefined).length === 1;
    },
    { describe: () => `one connection of ${made.length}` },
  );
});

/** Weak references to the clients that listen; a mock of Jest's would hold them. */
function rememberClients(): WeakRef<pg.Client>[] {
  const clients: WeakRef<pg.Client>[] = [];
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    if (String(args[0]).startsWith('LISTEN')) clients.push(new WeakRef(this));
    return (query as (...args: unknown[]) => unknown).apply(this, args);
  } as typeof query;
  return clients;
}

function killListener(): Promise<unknown> {
  return withClient(database.url, (client) =>
    client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'outlast listener' AND datname = current_database()`),
  );
}
