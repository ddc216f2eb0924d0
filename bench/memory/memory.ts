import { setTimeout as delay } from 'node:timers/promises';
import { startServer, type TestServer } from '../../tests/support/server.ts';
import { TimingClient } from '../first-chunk/time-to-content.ts';
import type { BenchContext, Findings, Line, Scenario } from '../report/scenario.ts';
import { slope } from '../stats/percentile.ts';
import { REPORTING, readMemory } from './read-memory.ts';

const EXECUTIONS = 2000;
const SAMPLE_EVERY = 250;
const WARM_AFTER = 500;
const CONCURRENCY = 4;
const INPUT = 'say hi';
/** For what ends a moment after the answer does. */
const SETTLE_MS = 500;
const MB = 1024 ** 2;

interface Sample {
  executions: number;
  heapMb: number;
  rssMb: number;
}

/** Whether a server that has answered a lot holds more than one that has answered little. */
export const memory: Scenario = { name: 'memory', measure };

async function measure({ progress, defer }: BenchContext): Promise<Findings> {
  const server = await startServer({ env: REPORTING });
  defer(() => server.dispose());
  const samples = [await sample(server, 0)];
  for (let done = SAMPLE_EVERY; done <= EXECUTIONS; done += SAMPLE_EVERY) {
    await Promise.all(shares(SAMPLE_EVERY).map((times) => execute(server.url, times)));
    samples.push(await sample(server, done));
    progress(`${done} of ${EXECUTIONS} executions, heap ${samples.at(-1)?.heapMb.toFixed(1)} MB`);
  }
  return describe(samples);
}

/** As many for each of those who ask side by side. */
function shares(total: number): number[] {
  return Array.from({ length: CONCURRENCY }, (_, i) => Math.floor((total + i) / CONCURRENCY));
}

async function execute(url: string, times: number): Promise<void> {
  const client = new TimingClient();
  for (let i = 0; i < times; i++)
    await client.post(`${url}/executions`, { agentId: 'assistant', input: INPUT });
  client.close();
}

async function sample(server: TestServer, executions: number): Promise<Sample> {
  await delay(SETTLE_MS);
  const { heapUsed, rss } = await readMemory(server);
  return { executions, heapMb: heapUsed / MB, rssMb: rss / MB };
}

function describe(samples: readonly Sample[]): Findings {
  const warm = samples.filter(({ executions }) => executions >= WARM_AFTER);
  const growth = (warm.at(-1)?.heapMb ?? 0) - (warm[0]?.heapMb ?? 0);
  const bytesEach = slope(warm.map(({ executions, heapMb }) => ({ x: executions, y: heapMb * MB })));
  const lines: Line[] = samples.map(({ executions, heapMb, rssMb }) => ({
    name: String(executions),
    numbers: { 'heap after GC, MB': heapMb, 'RSS, MB': rssMb },
  }));
  return {
    title: 'Memory of a server that goes on and on',
    how:
      `${EXECUTIONS.toLocaleString('en-US')} executions of \`${INPUT}\`, ${CONCURRENCY} at a time, each in a new ` +
      `thread and read to its end. Slope after the first ${WARM_AFTER}: ${Math.round(bytesEach)} bytes of heap an execution.`,
    tables: [{ caption: 'After so many executions', lines }],
    goals: [
      {
        what: `heap growth from execution ${WARM_AFTER} to ${EXECUTIONS}`,
        actual: growth,
        must: 'be at most',
        limit: 5,
        unit: 'MB',
      },
    ],
  };
}
