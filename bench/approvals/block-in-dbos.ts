import type { Database } from '../../src/db/database.ts';
import { createTestDatabase } from '../../tests/support/postgres.ts';
import { startActor } from '../processes/actor.ts';
import type { BenchContext } from '../report/scenario.ts';
import type { DbosVerbs } from './dbos-process.ts';
import { type Idle, watchIdle } from './idle.ts';

const WARM_UP = 20;
const MEASURED = 100;

/** What it is like when workflows of DBOS wait in `recv`. */
export interface Blocked {
  readonly count: number;
  readonly idle: { readonly none: Idle; readonly all: Idle };
  /** Bytes that each of them holds. */
  readonly heapEach: number;
  readonly rssEach: number;
  /** Milliseconds of a launch without any, and until all of them wait again after a crash. */
  readonly boot: { readonly none: number; readonly all: number };
  /** Milliseconds from `send` to the commit of the step after it. */
  readonly decided: number[];
}

export interface BlockOptions {
  count: number;
  statistics: Database;
  postmaster: number;
}

/** Lets as many workflows wait in a process with nothing but DBOS. */
export async function blockInDbos(
  { defer }: BenchContext,
  { count, statistics, postmaster }: BlockOptions,
): Promise<Blocked> {
  const database = await createTestDatabase();
  defer(() => database.drop());
  const launch = async (blocked: number) => {
    const actor = startActor<DbosVerbs>(new URL('dbos-process.ts', import.meta.url));
    defer(() => actor.kill());
    return { actor, ms: await actor.ask('launch', database.url, blocked) };
  };
  const watch = (pid: number) => watchIdle({ pid, databaseUrl: database.url }, statistics, postmaster);
  const first = await launch(0);
  const none = await watch(first.actor.pid);
  const before = await first.actor.ask('memory');
  await first.actor.ask('block', count);
  const all = await watch(first.actor.pid);
  const after = await first.actor.ask('memory');
  await first.actor.kill();
  const second = await launch(count);
  const decided: number[] = [];
  for (let i = 0; i < Math.min(WARM_UP + MEASURED, count); i++) {
    decided.push(await second.actor.ask('decide', i));
  }
  await second.actor.kill();
  return {
    count,
    idle: { none, all },
    heapEach: (after.heapUsed - before.heapUsed) / count,
    rssEach: (after.rss - before.rss) / count,
    boot: { none: first.ms, all: second.ms },
    decided: decided.slice(WARM_UP),
  };
}
