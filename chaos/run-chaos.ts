import { loadavg } from 'node:os';
import { Cluster, type Seat } from './cluster/cluster.ts';
import { canIsolate } from './cluster/host.ts';
import { FaultInjector } from './faults/faults.ts';
import { planFaults } from './faults/plan.ts';
import { type Followed, Load } from './load/load.ts';
import { People } from './load/people.ts';
import type { ChaosOptions } from './options.ts';
import { measurePauses } from './report/pauses.ts';
import { type Result, renderResult } from './report/report.ts';
import { writeEvidence } from './report/write-evidence.ts';
import { readEffects } from './verify/effects.ts';
import { readStored, type Stored } from './verify/evidence.ts';
import { verify } from './verify/verify.ts';

const LEASE_MS = 1000;
/** Dense: a short lease and short patience, so that much can go wrong in a minute. */
const SERVER_ENV = {
  WORKER_HEARTBEAT_MS: '200',
  WORKER_DEAD_AFTER_MS: String(LEASE_MS),
  SHUTDOWN_GRACE_MS: '1500',
  DATABASE_POOL_SIZE: '10',
};
/** Everything that was started has to be over so long after the last fault. */
const OVER_WITHIN_MS = 120_000;
/** Clocks of some servers: an hour ahead, ten minutes behind. */
const SKEWS_MS = [0, 3_600_000, -600_000];
const READ_AGAIN = 200;
const PAGE = 250;

/** One run. @returns whether every invariant holds. */
export async function runChaos(options: ChaosOptions): Promise<boolean> {
  const loadBefore = loadavg()[0] ?? 0;
  const { seats, remarks } = await arrangeSeats(options.servers);
  const cluster = await Cluster.start(seats, SERVER_ENV);
  let keepFiles = true;
  try {
    const result: Result = { ...(await torment(cluster, options)), remarks, loadBefore };
    console.log(`\n${renderResult(result)}\n`);
    keepFiles = options.keep || !isSound(result);
    if (keepFiles) await tellFaults(cluster, result);
    return isSound(result);
  } finally {
    if (keepFiles) console.error(`Logs and evidence: ${cluster.folder}`);
    await cluster.dispose({ keepFiles });
  }
}

/** Every second server is on another host, as far as anybody can tell; clocks are off in turn. */
async function arrangeSeats(servers: number): Promise<{ seats: Seat[]; remarks: string[] }> {
  const hasHosts = await canIsolate();
  const seats = Array.from({ length: servers }, (_, i) => ({
    isIsolated: hasHosts && i % 2 === 1,
    skewMs: SKEWS_MS[i % SKEWS_MS.length] ?? 0,
  }));
  const remarks = [
    'Clocks: of every three servers one is an hour ahead and one ten minutes behind, in all that asks JavaScript ' +
      'for the time of day. Leases go by the clock of the database and by monotonic ones.',
  ];
  if (!hasHosts) {
    remarks.push(
      '**NOT TRIED: takeovers by lease after a kill.** Pid namespaces are not permitted here (`unshare --pid`), so ' +
        'that every server sees at once which process is gone.',
    );
  }
  for (const remark of remarks) console.error(remark);
  return { seats, remarks };
}

async function torment(
  cluster: Cluster,
  options: ChaosOptions,
): Promise<Omit<Result, 'remarks' | 'loadBefore'>> {
  const load = new Load(cluster, options.seed, options.executions);
  const people = await People.arrive(cluster, options.seed);
  const injector = new FaultInjector(cluster, load, LEASE_MS);
  const startedAt = performance.now();
  const told = setInterval(() => console.error(progress(injector, load, startedAt)), 5000);
  const secondsPassed = () => (performance.now() - startedAt) / 1000;
  await injector.run(planFaults(options.seed, options.everyMs), (faults) =>
    options.faults === undefined ? secondsPassed() > options.seconds : faults >= options.faults,
  );
  const seconds = secondsPassed();
  clearInterval(told);
  await endLoad(load);
  injector.close();
  await people.leave();
  console.error(`verifying ${load.followed.length} executions`);
  const stored = await readAll(cluster, load.followed);
  const violations = await verify(load.followed, stored, load.early, people.told);
  const pauses = measurePauses(injector.conduct.faults, load.followed, stored);
  return { options, seconds, conduct: injector.conduct, load, people, stored, violations, pauses };
}

async function endLoad(load: Load): Promise<void> {
  const late = AbortSignal.timeout(OVER_WITHIN_MS);
  late.addEventListener('abort', () => load.abandon());
  await load.end();
  const step = Math.ceil(load.followed.length / READ_AGAIN);
  await load.readAgain(load.followed.filter((_, i) => step > 0 && i % step === 0));
}

async function readAll(cluster: Cluster, followed: readonly Followed[]): Promise<Stored[]> {
  const effects = await readEffects(cluster.servers);
  const ids = followed.map(({ executionId }) => executionId);
  const stored: Stored[] = [];
  for (let at = 0; at < ids.length; at += PAGE) {
    stored.push(...(await readStored(cluster.database, ids.slice(at, at + PAGE), effects)));
  }
  return stored;
}

function isSound({ violations, conduct, load, people }: Result): boolean {
  const faults = [violations, conduct.misconduct, load.refusals, people.refusals];
  return faults.every(({ length }) => length === 0);
}

async function tellFaults(cluster: Cluster, result: Result): Promise<void> {
  await writeEvidence(cluster.folder, result);
  for (const { invariant, executionId, text } of result.violations.slice(0, 30)) {
    console.error(`${invariant} ${executionId ?? ''}: ${text}`);
  }
  for (const text of [...result.conduct.misconduct, ...result.load.refusals, ...result.people.refusals].slice(
    0,
    30,
  ))
    console.error(text);
}

function progress({ conduct }: FaultInjector, { followed, reading }: Load, startedAt: number): string {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  return `${seconds} s: ${conduct.faults.length} faults, ${followed.length} executions, ${reading.length} readers`;
}
