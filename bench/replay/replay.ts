import { Agent, get } from 'node:http';
import { fileURLToPath } from 'node:url';
import { startServer } from '../../tests/support/server.ts';
import type { BenchContext, Findings, Scenario } from '../report/scenario.ts';
import { startBareServer } from '../servers/bare-server-process.ts';
import { median } from '../stats/percentile.ts';
import { makeFinishedExecution } from './finished-execution.ts';

const ROWS = 10_000;
const WARM_UP = 4;
const MEASURED = 9;

interface Replay {
  /** Milliseconds to the first bytes of row 1. */
  first: number;
  /** Milliseconds to the end. */
  whole: number;
}

/** A reader who comes late: all of a long log at once. */
export const replay: Scenario = { name: 'replay', measure };

async function measure({ progress, defer }: BenchContext): Promise<Findings> {
  const server = await startServer();
  defer(() => server.dispose());
  const file = fileURLToPath(new URL('bare-server.ts', import.meta.url));
  const bare = await startBareServer(file, { DATABASE_URL: server.databaseUrl });
  defer(() => bare.kill());
  const { id, no } = await makeFinishedExecution(server.databaseUrl, ROWS);
  progress(`${ROWS} rows, ${MEASURED} times each, in turns`);
  return interleave(`${server.url}/executions/${id}/stream`, `${bare.url}/replay/${no}`);
}

async function interleave(url: string, bareUrl: string): Promise<Findings> {
  const agent = new Agent({ keepAlive: true });
  const outlast: Replay[] = [];
  const plain: Replay[] = [];
  for (let i = 0; i < WARM_UP + MEASURED; i++) {
    const a = await readAll(agent, bareUrl);
    const b = await readAll(agent, url);
    if (i < WARM_UP) continue;
    plain.push(a);
    outlast.push(b);
  }
  agent.destroy();
  return describe(middle(outlast), middle(plain));
}

/** Reads a stream to its end, and makes sure that every row came. */
function readAll(agent: Agent, url: string): Promise<Replay> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const request = get(url, { agent, headers: { accept: 'text/event-stream' } }, (response) => {
      const parts: string[] = [];
      let first: number | undefined;
      response.setEncoding('utf8').on('data', (part: string) => {
        parts.push(part);
        if (part.includes('id: 1\n')) first ??= performance.now() - startedAt;
      });
      response.on('error', reject);
      response.on('end', () => {
        const whole = performance.now() - startedAt;
        const came = parts.join('').match(/^id: /gm)?.length ?? 0;
        if (first === undefined || came !== ROWS)
          reject(new Error(`${came} rows came of ${ROWS} from ${url}`));
        else resolve({ first, whole });
      });
    });
    request.on('error', reject);
  });
}

function middle(replays: readonly Replay[]): Replay {
  return {
    first: median(replays.map(({ first }) => first)),
    whole: median(replays.map(({ whole }) => whole)),
  };
}

function describe(outlast: Replay, plain: Replay): Findings {
  const lineOf = (name: string, { first, whole }: Replay) => ({
    name,
    numbers: { 'first row': first, whole, '× bare': whole / plain.whole },
  });
  return {
    title: 'Replay of a long log',
    how:
      `A finished execution of ${ROWS.toLocaleString('en-US')} rows, one chunk each, read over SSE from the start; ` +
      `warm, median of ${MEASURED}. Bare: an Express route with one SELECT and one write.`,
    tables: [
      {
        caption: 'Milliseconds at the client',
        lines: [lineOf('bare SQL and Express', plain), lineOf('Outlast', outlast)],
      },
    ],
    goals: [
      { what: 'first row', actual: outlast.first, must: 'be at most', limit: 20, unit: 'ms' },
      { what: 'whole log', actual: outlast.whole, must: 'be at most', limit: 150, unit: 'ms' },
    ],
  };
}
