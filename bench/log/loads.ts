import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../src/db/database.ts';
import { percentile } from '../stats/percentile.ts';
import { Ledger } from './ledger.ts';
import type { Contestant, LogUnderTest } from './log-under-test.ts';
import { makeExecutions } from './make-executions.ts';

/** What came out of one load on one contestant. */
export interface Outcome {
  chunksPerSecond: number;
  p50: number;
  p99: number;
  lost: number;
  doubled: number;
  disordered: number;
}

const WARM_UP_MS = 1000;
const LOST_AFTER_MS = 10_000;

/** Models that stream: `executions` of them, each `perSecond` chunks a second, evenly spread. */
export async function streamLive(
  db: Database,
  contestant: Contestant,
  load: { executions: number; perSecond: number; forMs: number },
): Promise<Outcome> {
  const ledger = new Ledger(load.executions);
  const deliver = ledger.take.bind(ledger);
  const log = contestant.open(db, await makeExecutions(db, load.executions), deliver);
  const apartMs = 1000 / (load.executions * load.perSecond);
  await pace(log, ledger, load.executions, apartMs, WARM_UP_MS);
  ledger.startCounting();
  await pace(log, ledger, load.executions, apartMs, load.forMs);
  const { delivered } = ledger;
  await allCame(ledger);
  await log.close();
  return outcomeOf(ledger, delivered, load.forMs);
}

/** Producers that never rest: each of `executions` has `window` chunks on their way at any moment. */
export async function saturate(
  db: Database,
  contestant: Contestant,
  load: { executions: number; window: number; forMs: number },
): Promise<Outcome> {
  const ledger = new Ledger(load.executions);
  let isOver = false;
  const log = contestant.open(db, await makeExecutions(db, load.executions), (execution, seq, serialized) => {
    ledger.take(execution, seq, serialized);
    if (!isOver) log.append(execution, ledger.make(execution));
  });
  for (let i = 0; i < load.executions * load.window; i++) {
    log.append(i % load.executions, ledger.make(i % load.executions));
  }
  await delay(WARM_UP_MS);
  ledger.startCounting();
  const startedAt = performance.now();
  await delay(load.forMs);
  const { delivered } = ledger;
  const tookMs = performance.now() - startedAt;
  isOver = true;
  await allCame(ledger);
  await log.close();
  return outcomeOf(ledger, delivered, tookMs);
}

async function pace(log: LogUnderTest, ledger: Ledger, executions: number, apartMs: number, forMs: number) {
  const startedAt = performance.now();
  for (let sent = 0, passed = 0; passed < forMs; passed = performance.now() - startedAt) {
    for (; sent * apartMs <= passed; sent++) log.append(sent % executions, ledger.make(sent % executions));
    await delay(1);
  }
}

/** What has not come by then counts as lost. */
async function allCame(ledger: Ledger): Promise<void> {
  for (
    const deadline = performance.now() + LOST_AFTER_MS;
    performance.now() < deadline && ledger.lost > 0;
  ) {
    await delay(10);
  }
}

/** `delivered` is counted at the end of the load; the ledger once all that was under way had come. */
function outcomeOf(ledger: Ledger, delivered: number, tookMs: number): Outcome {
  const { latencies, lost, doubled, disordered } = ledger;
  return {
    chunksPerSecond: (delivered / tookMs) * 1000,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    lost,
    doubled,
    disordered,
  };
}
