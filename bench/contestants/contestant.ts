import type { RunningExecution } from '../log/make-executions.ts';
import type { Actor } from '../processes/actor.ts';
import type { ReaderVerbs } from '../readers/reader-process.ts';
import type { WriterKind, WriterVerbs } from '../writers/writer-process.ts';

/** The processes that a log is measured with. They stay over several loads, so that they are warm. */
export interface Rig {
  readonly databaseUrl: string;
  readonly kind: WriterKind;
  /** Gives this many processes that write; they are kept. */
  writers(count: number): Actor<WriterVerbs>[];
  readonly reader: Actor<ReaderVerbs>;
  /** The process between Postgres and the reader, if there is one. */
  readonly servingPid: number | undefined;
  /** What a reader of this execution opens. */
  addressOf(execution: RunningExecution): string;
}

/** One of those that are compared. */
export interface Contestant {
  readonly name: string;
  /** @param defer ends what it starts, when the scenario is over */
  start(databaseUrl: string, defer: (end: () => unknown) => void): Promise<Rig>;
}
