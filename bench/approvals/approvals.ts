import pg from 'pg';
import { startServer, type TestServer } from '../../tests/support/server.ts';
import { connect } from '../log/open-bench-database.ts';
import { type Memory, REPORTING, readMemory } from '../memory/read-memory.ts';
import { findPostmasterOf } from '../processes/cpu-meter.ts';
import type { BenchContext, Findings, Scenario } from '../report/scenario.ts';
import { blockInDbos } from './block-in-dbos.ts';
import { decideOneByOne } from './decide-one-by-one.ts';
import { describe } from './describe.ts';
import { watchIdle } from './idle.ts';
import type { World } from './measured.ts';
import { suspendMany } from './suspend-many.ts';

/** `OUTLAST_BENCH_SUSPENDED=500` for a trial. */
const SUSPENDED = Number(process.env['OUTLAST_BENCH_SUSPENDED'] ?? 10_000);
const BLOCKED_IN_DBOS = Math.min(1000, SUSPENDED);
const FEW = 120;
/** Until so many are suspended the server that does it is not warm. */
const WARM_UP = Math.min(500, SUSPENDED / 2);
const BOOTS = 5;
/** After so many of those boots, the server is looked at while idle. */
const IDLE_ROUNDS = 2;

/** What executions cost that wait for people, and how soon one goes on. */
export const approvals: Scenario = { name: 'approvals', measure };

async function measure(context: BenchContext): Promise<Findings> {
  const { progress } = context;
  const empty = await openWorld(context);
  const full = await openWorld(context);
  const statistics = connect(anotherDatabase(full.server.databaseUrl), context);
  const postmaster = await findPostmasterOf(statistics);
  const { ids, held } = await fill(context, full.server);
  progress('measuring: boots and idle processes');
  for (let boot = 0; boot < BOOTS; boot++) {
    for (const world of [empty, full]) {
      const startedAt = performance.now();
      await world.server.start();
      world.boots.push(performance.now() - startedAt);
      if (boot < IDLE_ROUNDS) {
        world.idles.push(await watchIdle(world.server, statistics, postmaster));
        world.memories.push(await readMemory(world.server));
      }
      await world.server.stop();
    }
  }
  progress('measuring: decisions');
  const decided = {
    few: await decideAmong(empty.server, () =>
      suspendMany(empty.server, { from: 0, until: FEW }, () => undefined),
    ),
    many: await decideAmong(full.server, () => ids),
  };
  progress(`measuring: ${BLOCKED_IN_DBOS} workflows blocked in DBOS recv`);
  const dbos = await blockInDbos(context, { count: BLOCKED_IN_DBOS, statistics, postmaster });
  return describe({ suspended: SUSPENDED, warmUp: WARM_UP, few: FEW, empty, full, held, decided, dbos });
}

async function openWorld({ defer }: BenchContext): Promise<World> {
  const server = await startServer({ env: { ...REPORTING, LOG_LEVEL: 'warn' } });
  defer(() => server.dispose());
  await server.stop();
  return { server, boots: [], idles: [], memories: [] };
}

/** Suspends them all by the way of a client's request. @returns also what the process held that did it */
async function fill(
  { progress }: BenchContext,
  server: TestServer,
): Promise<{ ids: string[]; held: { before: Memory; after: Memory } }> {
  await server.start();
  const suspend = (from: number, until: number) =>
    suspendMany(server, { from, until }, (done) => progress(`${done} suspended`));
  const first = await suspend(0, WARM_UP);
  const before = await readMemory(server);
  const others = await suspend(WARM_UP, SUSPENDED);
  const after = await readMemory(server);
  await server.stop();
  await cleanUp(server.databaseUrl);
  return { ids: [...first, ...others], held: { before, after } };
}

/** So that autovacuum finds nothing to do while something is measured. */
async function cleanUp(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('VACUUM (ANALYZE)').finally(() => client.end());
}

async function decideAmong(server: TestServer, findIds: () => string[] | Promise<string[]>) {
  await server.start();
  const decided = await decideOneByOne(server.url, await findIds());
  await server.stop();
  return decided;
}

/** One in which no server works: who looks from there adds nothing to what he counts. */
function anotherDatabase(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.pathname = '/postgres';
  return url.href;
}
