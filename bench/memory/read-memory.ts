import type { TestServer } from '../../tests/support/server.ts';
import { waitFor } from '../../tests/support/wait-for.ts';

/** Bytes that a process holds after its garbage was collected. */
export interface Memory {
  readonly heapUsed: number;
  readonly external: number;
  readonly rss: number;
}

/** What a server must be started with, so that it can be asked. */
export const REPORTING = { NODE_OPTIONS: `--import=${new URL('report-heap.ts', import.meta.url).href}` };

/** Makes a server that was started with `REPORTING` collect its garbage, and tells what is left. */
export async function readMemory(server: TestServer): Promise<Memory> {
  const reports = () => server.log().match(/^\{"memory":.*\}$/gm) ?? [];
  const printed = reports().length;
  process.kill(server.pid, 'SIGUSR2');
  await waitFor(() => reports().length > printed, { describe: 'a report of the heap' });
  return (JSON.parse(reports().at(-1) ?? '') as { memory: Memory }).memory;
}
