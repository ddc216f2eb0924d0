import { startActor } from '../processes/actor.ts';
import type { ReaderVerbs } from '../readers/reader-process.ts';
import type { Contestant } from './contestant.ts';
import { keepWriters } from './start-writers.ts';

const READER = new URL('../readers/dbos-reader.ts', import.meta.url);

/** The streams that DBOS brings along, written in one process and read in another, without HTTP between. */
export const DBOS_STREAMS: Contestant = {
  name: 'DBOS streams',
  async start(databaseUrl, defer) {
    const reader = startActor<ReaderVerbs>(READER);
    defer(() => reader.kill());
    return {
      databaseUrl,
      kind: 'dbos',
      writers: keepWriters(defer),
      reader,
      servingPid: undefined,
      addressOf: ({ id }) => id,
    };
  },
};
