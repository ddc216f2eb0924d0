import { startServer, type TestServer } from '../../tests/support/server.ts';
import { REPORTING } from '../memory/read-memory.ts';
import { startActor } from '../processes/actor.ts';
import type { ReaderVerbs } from '../readers/reader-process.ts';
import type { Contestant, Rig } from './contestant.ts';
import { keepWriters } from './start-writers.ts';

const CLIENT = new URL('../readers/sse-client.ts', import.meta.url);

/** The product: its writer in one process, its server in another, a client over SSE in a third. */
export const OUTLAST: Contestant = {
  name: 'Outlast',
  async start(databaseUrl, defer) {
    return startOutlast(databaseUrl, defer);
  },
};

/** With its server at hand, which can tell what memory it holds. */
export interface OutlastRig extends Rig {
  readonly server: TestServer;
}

/** Starts the product's processes. */
export async function startOutlast(
  databaseUrl: string,
  defer: (end: () => unknown) => void,
): Promise<OutlastRig> {
  const server = await startServer({ databaseUrl, env: { ...REPORTING, OUTLAST_ROLE: 'api' } });
  defer(() => server.dispose());
  const reader = startActor<ReaderVerbs>(CLIENT);
  defer(() => reader.kill());
  return {
    server,
    databaseUrl,
    kind: 'outlast',
    writers: keepWriters(defer),
    reader,
    servingPid: server.pid,
    addressOf: ({ id }) => `${server.url}/executions/${id}/stream`,
  };
}
