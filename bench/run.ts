/**
 * `npm run bench`, or `npm run bench -- log first-chunk`: measures what is promised about speed, each beside what it
 * is compared with, in one run. `log` stands for all scenarios whose names begin with it. What was measured is kept
 * in `results/`, by day.
 */
import { startTestPostgres } from '../tests/support/postgres.ts';
import { approvals } from './approvals/approvals.ts';
import { auth } from './auth/auth.ts';
import { automations } from './automations/automations.ts';
import { firstChunk } from './first-chunk/first-chunk.ts';
import { logFanOut } from './log/fan-out.ts';
import { logLive } from './log/live.ts';
import { logSaturate } from './log/saturation.ts';
import { logSlowDisk } from './log/slow-disk.ts';
import { logWriters } from './log/writers.ts';
import { memory } from './memory/memory.ts';
import { logReplay } from './replay/replay.ts';
import { keepResult } from './report/keep-result.ts';
import { describeMachine } from './report/machine.ts';
import { renderFindings } from './report/render.ts';
import { type Findings, type Goal, isMet, type Scenario } from './report/scenario.ts';
import { retention } from './retention/retention.ts';
import { strangers } from './strangers/strangers.ts';

const SCENARIOS: readonly Scenario[] = [
  firstChunk,
  logLive,
  logWriters,
  logSaturate,
  logFanOut,
  logSlowDisk,
  logReplay,
  memory,
  retention,
  approvals,
  auth,
  strangers,
  automations,
];

const names = SCENARIOS.map(({ name }) => name);
const asked = process.argv.slice(2);
const unknown = asked.filter((part) => !names.some((name) => belongsTo(name, part)));
if (unknown.length > 0) {
  console.error(`There is no scenario ${unknown.join(', ')}; there are: ${names.join(', ')}`);
  process.exit(2);
}
const chosen =
  asked.length === 0
    ? SCENARIOS
    : SCENARIOS.filter(({ name }) => asked.some((part) => belongsTo(name, part)));
const started: (() => unknown)[] = [];
const postgres = await startTestPostgres();
let isStopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    isStopped = true;
    void endStarted()
      .then(() => postgres.stop())
      .finally(() => process.exit(130));
  });
}
try {
  await run(chosen);
} catch (error) {
  if (isStopped) await new Promise(() => undefined);
  throw error;
} finally {
  if (!isStopped) await postgres.stop();
}

async function run(scenarios: readonly Scenario[]): Promise<void> {
  const machine = await describeMachine(postgres.url);
  const goals: Goal[] = [];
  for (const scenario of scenarios) {
    const found = await measure(scenario);
    console.log(`\n${renderFindings(found)}\n`);
    console.log(`Kept in ${await keepResult(machine, { name: scenario.name, found }, names)}`);
    goals.push(...found.goals);
  }
  const met = goals.filter(isMet).length;
  console.log(`${met} of ${goals.length} goals met`);
  if (met < goals.length) process.exitCode = 1;
}

/** `log` is all of `log-live`, `log-replay` and so on. */
function belongsTo(name: string, asked: string): boolean {
  return name === asked || name.startsWith(`${asked}-`);
}

async function measure({ name, measure }: Scenario): Promise<Findings> {
  try {
    return await measure({
      progress: (text) => console.error(`${name}: ${text}`),
      defer: (end) => started.push(end),
    });
  } finally {
    await endStarted();
  }
}

async function endStarted(): Promise<void> {
  for (const end of started.splice(0).reverse()) await end();
}
