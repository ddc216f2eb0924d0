/** A process that reads many streams of DBOS. Launched, not a `DBOSClient`: that one would only look every second. */
import { DBOS } from '@dbos-inc/dbos-sdk';
import { Reception } from '../log/reception.ts';
import { serveActor } from '../processes/serve-actor.ts';
import { launchDbos, STREAM } from '../writers/dbos-streams.ts';
import type { ReaderVerbs } from './reader-process.ts';

let isLaunched = false;
let reception: Reception;
let readers: Promise<void>[] = [];

const verbs: ReaderVerbs = {
  async open(databaseUrl, addresses) {
    if (!isLaunched) await launchDbos(databaseUrl, `reader-${process.pid}`);
    isLaunched = true;
    const into = new Reception(addresses.length);
    reception = into;
    readers = addresses.map(async (workflowId, reader) => {
      let seq = 0;
      for await (const chunk of DBOS.readStream<string>(workflowId, STREAM)) into.take(reader, ++seq, chunk);
    });
  },
  async count(from, to) {
    reception.count(from, to);
  },
  async total() {
    return reception.total;
  },
  async received() {
    return reception.received;
  },
  async close() {
    await Promise.all(readers);
  },
};

serveActor(verbs);
