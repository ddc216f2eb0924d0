import type { Chunk } from '../../src/chunks/chunk.ts';
import type { Database } from '../../src/db/database.ts';
import type { RunningExecution } from './make-executions.ts';

/** Takes a committed chunk: which execution, its seq, its bytes. */
export type Deliver = (execution: number, seq: number, serialized: string) => void;

/** A log for some executions, with a reader in this process for each of them. */
export interface LogUnderTest {
  append(execution: number, chunk: Chunk): void;
  close(): Promise<void>;
}

/** Opens a log on executions that run. */
export interface Contestant {
  readonly name: string;
  open(db: Database, executions: readonly RunningExecution[], deliver: Deliver): LogUnderTest;
}
