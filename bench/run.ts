/**
 * `npm run bench`, or `npm run bench -- first-chunk log`: measures what is promised about speed, each beside what
 * it is compared with, in one run. A run of all scenarios is kept in `results/`.
 */
import { startTestPostgres } from '../tests/support/postgres.ts';
import { firstChunk } from './first-chunk/first-chunk.ts';
import { log } from './log/log.ts';
import { memory } from './memory/memory.ts';
import { replay } from './replay/replay.ts';
import { describeMachine } from './report/machine.ts';
import { renderFindings } from './report/render.ts';
import { type Findings, isMet, type Scenario } from './report/scenario.ts';
import { writeResults } from './report/write-results.ts';

const SCENARIOS: readonly Scenario[] = [firstChunk, log, replay, memory];

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
if (unknown.length > 0) {
  console.error(
    `There is no scenario ${unknown.join(', ')}; there are: ${SCENARIOS.map((s) => s.name).join(', ')}`,
  );
  process.exit(2);
}
const chosen = asked.length === 0 ? SCENARIOS : SCENARIOS.filter((scenario) => asked.includes(scenario.name));
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
  const findings = new Map<string, Findings>();
  for (const scenario of scenarios) {
    const found = await measure(scenario);
    findings.set(scenario.name, found);
    console.log(`\n${renderFindings(found)}\n`);
  }
  const goals = [...findings.values()].flatMap((found) => found.goals);
  const met = goals.filter(isMet).length;
  console.log(`${met} of ${goals.length} goals met`);
  if (scenarios.length === SCENARIOS.length) console.log(`Kept in ${await writeResults(machine, findings)}`);
  if (met < goals.length) process.exitCode = 1;
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
