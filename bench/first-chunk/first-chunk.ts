import { fileURLToPath } from 'node:url';
import { startServer } from '../../tests/support/server.ts';
import type { BenchContext, Findings, Scenario } from '../report/scenario.ts';
import { startBareServer } from '../servers/bare-server-process.ts';
import { percentile } from '../stats/percentile.ts';
import { type Timed, TimingClient } from './time-to-content.ts';

const WARM_UP = 50;
const MEASURED = 300;
const INPUT = 'say hello';

/** What durability costs before the first word: stored message, claim, log, all on disk. */
export const firstChunk: Scenario = { name: 'first-chunk', measure };

async function measure({ progress, defer }: BenchContext): Promise<Findings> {
  const bare = await startBareServer(fileURLToPath(new URL('bare-server.ts', import.meta.url)));
  defer(() => bare.kill());
  const server = await startServer();
  defer(() => server.dispose());
  progress(`${WARM_UP} + ${MEASURED} answers of each, in turns`);
  const { outlast, plain } = await interleave(server.url, bare.url);
  return describe(outlast, plain);
}

async function interleave(url: string, bareUrl: string): Promise<{ outlast: Timed[]; plain: Timed[] }> {
  const clients = { outlast: new TimingClient(), plain: new TimingClient() };
  const outlast: Timed[] = [];
  const plain: Timed[] = [];
  for (let i = 0; i < WARM_UP + MEASURED; i++) {
    const a = await clients.plain.post(`${bareUrl}/chat`, { input: INPUT });
    const b = await clients.outlast.post(`${url}/executions`, { agentId: 'assistant', input: INPUT });
    if (i < WARM_UP) continue;
    plain.push(a);
    outlast.push(b);
  }
  clients.outlast.close();
  clients.plain.close();
  return { outlast, plain };
}

function describe(outlast: readonly Timed[], plain: readonly Timed[]): Findings {
  const rowOf = (timed: readonly Timed[]) => ({
    'first p50': at(timed, 'first', 0.5),
    'first p95': at(timed, 'first', 0.95),
    'whole p50': at(timed, 'whole', 0.5),
    'whole p95': at(timed, 'whole', 0.95),
  });
  const [ours, theirs] = [rowOf(outlast), rowOf(plain)];
  const added = ours['first p50'] - theirs['first p50'];
  return {
    title: 'From the request to the first word',
    how:
      `POST of \`${INPUT}\` in a new thread each, answered as a stream by a server process, ${MEASURED} of each in ` +
      'turns. Bare: `streamText` with the same model piped to an Express response, nothing stored.',
    tables: [
      {
        caption: 'Milliseconds at the client',
        lines: [
          { name: 'bare streamText', numbers: theirs },
          { name: 'Outlast', numbers: ours },
          { name: 'added', numbers: differences(ours, theirs) },
        ],
      },
    ],
    goals: [
      { what: 'added before the first word, p50', actual: added, must: 'be at most', limit: 30, unit: 'ms' },
    ],
  };
}

function at(timed: readonly Timed[], which: keyof Timed, share: number): number {
  return percentile(
    timed.map((each) => each[which]),
    share,
  );
}

function differences(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(a).map(([name, value]) => [name, value - (b[name] ?? 0)]));
}
