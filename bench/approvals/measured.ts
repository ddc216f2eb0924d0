import type { TestServer } from '../../tests/support/server.ts';
import type { Memory } from '../memory/read-memory.ts';
import type { Blocked } from './block-in-dbos.ts';
import type { Decided } from './decide-one-by-one.ts';
import type { Idle } from './idle.ts';

/** A server with a database of its own, and what it was like each time that it was started. */
export interface World {
  readonly server: TestServer;
  /** Milliseconds from the start of the process to its readiness. */
  readonly boots: number[];
  readonly idles: Idle[];
  readonly memories: Memory[];
}

/** All that the scenario found out. */
export interface Measured {
  readonly suspended: number;
  readonly warmUp: number;
  readonly few: number;
  readonly empty: World;
  readonly full: World;
  /** By the process that suspended them all: when it had warmed up, and when it had done. */
  readonly held: { readonly before: Memory; readonly after: Memory };
  readonly decided: { readonly few: readonly Decided[]; readonly many: readonly Decided[] };
  readonly dbos: Blocked;
}
