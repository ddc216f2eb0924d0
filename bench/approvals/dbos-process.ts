/** A process whose executions wait as DBOS's own documentation has it: in `recv`, in memory. */
import { DBOS } from '@dbos-inc/dbos-sdk';
import { collectGarbage } from '../../tests/support/gc.ts';
import { waitFor } from '../../tests/support/wait-for.ts';
import { serveActor } from '../processes/serve-actor.ts';
import { launchDbos } from '../writers/dbos-streams.ts';

/** What such a process can be asked. */
export interface DbosVerbs {
  /** @returns milliseconds until DBOS was launched and so many workflows, which it had before, wait again */
  launch(databaseUrl: string, blocked: number): Promise<number>;
  /** Starts so many workflows, until all of them wait. */
  block(count: number): Promise<void>;
  memory(): Promise<{ heapUsed: number; rss: number }>;
  /** Sends one what it waits for. @returns milliseconds until its next step was committed */
  decide(index: number): Promise<number>;
}

const TOPIC = 'decision';
const A_WEEK_S = 7 * 24 * 3600;
const DEADLINE_MS = 60_000;

let blocked = 0;
const resumed = new Map<number, () => void>();

const waiting = DBOS.registerWorkflow(
  async (index: number) => {
    await DBOS.runStep(async () => 'I would pay this back.', { name: 'turn' });
    blocked += 1;
    await DBOS.recv(TOPIC, { timeoutSeconds: A_WEEK_S });
    await DBOS.runStep(async () => ({ refunded: 20 }), { name: 'tool' });
    resumed.get(index)?.();
  },
  { name: 'waiting' },
);

const verbs: DbosVerbs = {
  async launch(databaseUrl, before) {
    const startedAt = performance.now();
    await launchDbos(databaseUrl, 'waiting');
    await untilBlocked(before);
    return performance.now() - startedAt;
  },
  async block(count) {
    const start = (_: unknown, index: number) =>
      DBOS.startWorkflow(waiting, { workflowID: nameOf(index) })(index);
    await Promise.all(Array.from({ length: count }, start));
    await untilBlocked(count);
  },
  async memory() {
    await collectGarbage();
    const { heapUsed, rss } = process.memoryUsage();
    return { heapUsed, rss };
  },
  async decide(index) {
    const startedAt = performance.now();
    const isThrough = new Promise<void>((resolve) => resumed.set(index, resolve));
    await DBOS.send(nameOf(index), 'approved', TOPIC);
    await isThrough;
    return performance.now() - startedAt;
  },
};

function nameOf(index: number): string {
  return `waiting-${index}`;
}

async function untilBlocked(count: number): Promise<void> {
  await waitFor(() => blocked >= count, { deadlineMs: DEADLINE_MS, describe: `${count} blocked workflows` });
}

serveActor(verbs);
