import type { Chunk } from '../../src/chunks/chunk.ts';
import type { RunningExecution } from '../log/make-executions.ts';

/** A durable log for some executions, as a producer sees it. */
export interface Writer {
  /** Puts a chunk on its way. */
  append(execution: number, chunk: Chunk): void;
  /** Resolves once all that was appended to this execution is committed. */
  drained(execution: number): Promise<void>;
  /** Chunks that are committed so far. */
  readonly committed: number;
  /** Commits that have been made so far, or undefined if nobody counts them. */
  readonly commits: number | undefined;
  /** Ends it; all is committed by then. */
  close(): Promise<void>;
}

export interface WriterTarget {
  readonly databaseUrl: string;
  readonly executions: readonly RunningExecution[];
  /** Rows that the logs have already. */
  readonly lastSeq: number;
}
