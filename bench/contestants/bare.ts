import { fileURLToPath } from 'node:url';
import { startActor } from '../processes/actor.ts';
import type { ReaderVerbs } from '../readers/reader-process.ts';
import { startBareServer } from '../servers/bare-server-process.ts';
import type { Packing } from '../writers/bare-writer.ts';
import type { Contestant } from './contestant.ts';
import { keepWriters } from './start-writers.ts';

const CLIENT = new URL('../readers/sse-client.ts', import.meta.url);
const SERVER = fileURLToPath(new URL('../readers/bare-sse-server.ts', import.meta.url));

/** Bare SQL in the same processes: what the table, the driver and the wire cost by themselves. */
export function bare(packing: Packing): Contestant {
  return {
    name: `bare SQL, ${packing}`,
    async start(databaseUrl, defer) {
      const server = await startBareServer(SERVER, { DATABASE_URL: databaseUrl });
      defer(() => server.kill());
      const reader = startActor<ReaderVerbs>(CLIENT);
      defer(() => reader.kill());
      return {
        databaseUrl,
        kind: `bare, ${packing}`,
        writers: keepWriters(defer),
        reader,
        servingPid: server.pid,
        addressOf: ({ no }) => `${server.url}/${no}`,
      };
    },
  };
}
