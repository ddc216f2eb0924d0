import type { ExecutionLog } from '../chunks/execution-log.ts';
import type { LogWriter } from '../chunks/log-writer.ts';
import type { Database } from '../db/database.ts';
import type { ClaimedExecution } from './claim-execution.ts';
import { OwnershipLost } from './ownership.ts';

/**
 * An execution that this process has claimed: its log, and the signal that ends everything done for it here.
 * Lives in memory only, between claim and release; all that must survive is in the database.
 */
export class OwnedExecution {
  readonly claimed: ClaimedExecution;
  /** Its tenant's: all that is read and written for it, but by the writer that all logs share. */
  readonly db: Database;
  readonly log: ExecutionLog;
  /** The last turn whose `start-step` is in the log, or on its way there. */
  loggedTurn: number;
  /** Steps under way; a drain hands the execution over when there are none. */
  busySteps = 0;
  readonly #controller = new AbortController();
  readonly #claimedAt = performance.now();

  constructor(claimed: ClaimedExecution, logWriter: LogWriter, db: Database) {
    this.claimed = claimed;
    this.db = db;
    this.loggedTurn = claimed.lastTurn;
    this.log = logWriter.open({
      db,
      owner: {
        executionId: claimed.id,
        executionNo: claimed.no,
        tenantId: claimed.tenantId,
        attempt: claimed.attempt,
      },
      lastSeq: claimed.lastSeq,
      signal: this.signal,
      onLost: (error) => this.lose(error),
    });
  }

  /** Aborts when this process may do nothing more for the execution. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Milliseconds that the execution has been worked on, over all its segments. */
  get activeMs(): number {
    return Math.round(this.claimed.activeMs + performance.now() - this.#claimedAt);
  }

  /** Ends all work for the execution in this process: it belongs to somebody else now, or soon will. */
  lose(reason: Error = new OwnershipLost(`Execution ${this.claimed.id} was lost`)): void {
    this.#controller.abort(reason);
  }

  /** The execution has left this process. */
  release(): void {
    this.log.close();
    this.lose();
  }
}
