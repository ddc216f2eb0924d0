import type { TestServer } from './server.ts';
import { waitFor } from './wait-for.ts';

const HOOK = new URL('../../bench/memory/report-heap.ts', import.meta.url).href;

/** The environment of a server whose heap can be measured. */
export const MEASURABLE = { NODE_OPTIONS: `--import=${HOOK}` };

/** Bytes that a server holds after garbage has been collected: objects, strings and buffers. */
export async function heldBytes(server: TestServer): Promise<number> {
  const before = reports(server).length;
  server.signal('SIGUSR2');
  await waitFor(() => reports(server).length > before, { describe: 'a report of the heap' });
  const { memory } = JSON.parse(reports(server).at(-1) ?? '') as Report;
  return memory.heapUsed + memory.external;
}

interface Report {
  memory: { heapUsed: number; external: number };
}

function reports(server: TestServer): string[] {
  return server.log().match(/^\{"memory":.*\}$/gm) ?? [];
}
