import type { Database } from '../db/database.ts';
import { untilReachable } from '../db/retry.ts';
import type { Execution } from '../executions/view.ts';
import { findMessageAt } from './find-message.ts';
import { dropsAway, isDropped, type SeenExecution, type ThreadCursor } from './look-at-thread.ts';
import type { ThreadStart } from './thread-cursor.ts';
import { findApprovalById, findExecution, listApprovalStates, type ThreadEvent } from './thread-events.ts';

type Telling = AsyncGenerator<ThreadEvent, void, void>;

/** What a reader has been told of an execution. */
interface Told {
  /** The status, and all else that makes it another; undefined while nothing was told. */
  state: string | undefined;
  status: string | undefined;
  /** How far its log was when it was told. */
  lastSeq: number;
  /** It was not final when it was met: the reader is told of its approvals. */
  isLive: boolean;
  /** The state of each approval by its id; undefined until they were looked at. */
  approvals: Map<string, string> | undefined;
}

/**
 * What one reader of a thread has and knows, and from that what is new to it. News of an execution never overtakes
 * its log: that it waits, or is over, is told once its rows are there.
 */
export class ThreadAccount {
  readonly cursor: ThreadCursor;
  /** The log at the cursor has been begun on this connection. */
  hasBegun = false;
  /** Something is to be told as soon as the log is caught up with. */
  owes = false;
  readonly #db: Database;
  readonly #threadNo: number;
  readonly #start: ThreadStart;
  readonly #told = new Map<number, Told>();
  #isNew = true;

  constructor(db: Database, threadNo: number, start: ThreadStart) {
    this.#db = db;
    this.#threadNo = threadNo;
    this.#start = start;
    this.cursor = { ordinal: start.ordinal, seq: start.seq };
  }

  /** Goes on to an execution; those before it are over for this reader. */
  moveTo(ordinal: number): void {
    if (ordinal === this.cursor.ordinal) return;
    this.hasBegun = false;
    this.cursor.ordinal = ordinal;
    this.cursor.seq = 0;
    for (const known of this.#told.keys()) if (known < ordinal) this.#told.delete(known);
  }

  /** The reader has the log at the cursor up to `seq`. */
  have(seq: number): void {
    this.cursor.seq = seq;
  }

  /** What a look has found that is new to the reader. */
  async *tell(looked: readonly SeenExecution[], signal: AbortSignal): Telling {
    this.owes = false;
    const current = this.hasBegun ? looked.find(({ ordinal }) => ordinal === this.cursor.ordinal) : undefined;
    for (const execution of looked) {
      // First the reader gets the end of what it then learns is history no more.
      if (current !== undefined && this.cursor.seq < current.lastSeq && dropsAway(execution, current)) {
        this.owes = true;
        return;
      }
      if (!this.#told.has(execution.ordinal)) yield* this.#meet(execution, looked, signal);
      // What is final and not read yet is told of when it is its turn.
      const told = this.#known(execution);
      if (told.state === undefined ? !execution.final : told.state !== stateOf(execution))
        yield* this.#tellExecution(execution, signal);
    }
    if (this.owes) return;
    yield* this.#tellApprovals(looked, signal);
    this.#isNew = false;
  }

  /** Before the first chunk of an execution comes the execution. */
  async *begin(execution: SeenExecution, signal: AbortSignal): Telling {
    this.hasBegun = true;
    if (this.#known(execution).state === undefined) yield* this.#tellExecution(execution, signal);
  }

  /** Before rows of one that was last said to wait: it runs, unless it is further than that already. */
  async *tellThatItRuns(execution: SeenExecution, signal: AbortSignal): Telling {
    const { status, lastSeq } = this.#known(execution);
    const isNews = (status === 'queued' || status === 'suspended') && this.cursor.seq >= lastSeq;
    if (isNews && !this.owes) yield* this.#tellExecution(execution, signal);
  }

  #known({ ordinal, final }: SeenExecution): Told {
    const known = this.#told.get(ordinal);
    if (known !== undefined) return known;
    const met: Told = {
      state: undefined,
      status: undefined,
      lastSeq: 0,
      isLive: !final,
      approvals: undefined,
    };
    this.#told.set(ordinal, met);
    return met;
  }

  /** The change of the history that an execution was made by, and the message that it came with. */
  async *#meet(execution: SeenExecution, looked: readonly SeenExecution[], signal: AbortSignal): Telling {
    this.#known(execution);
    const { ordinal, dropsFrom, inputMessageId } = execution;
    if (ordinal <= this.#start.messagesAfter) return;
    // Of one that left the history itself, the message may still be there: it was answered again.
    const isHistory = dropsFrom !== null && !isDropped(execution, looked);
    if (isHistory) yield { kind: 'history', data: { afterMessageId: inputMessageId } };
    const message = await untilReachable(signal, () =>
      findMessageAt(this.#db.orm, this.#threadNo, 2 * ordinal),
    );
    if (message !== undefined) yield { kind: 'thread-message', data: { message } };
  }

  async *#tellExecution({ id, ordinal }: SeenExecution, signal: AbortSignal): Telling {
    const execution = await untilReachable(signal, () => findExecution(this.#db.orm, id));
    const told = this.#told.get(ordinal);
    if (execution === undefined || told === undefined) return;
    const state = stateOf(execution);
    if (told.state === state) return;
    if (told.state !== undefined && this.#isAhead(execution)) {
      this.owes = true;
      return;
    }
    Object.assign(told, { state, status: execution.status, lastSeq: execution.lastSeq });
    yield { kind: 'execution', data: execution };
  }

  /** Its log reaches further than what the reader has, and says why it does not go on. */
  #isAhead({ ordinal, status, lastSeq }: Execution): boolean {
    const { cursor } = this;
    return this.hasBegun && ordinal === cursor.ordinal && status !== 'running' && lastSeq > cursor.seq;
  }

  async *#tellApprovals(looked: readonly SeenExecution[], signal: AbortSignal): Telling {
    const live = looked.filter((each) => each.attempt > 0 && this.#known(each).isLive);
    if (live.length === 0) return;
    const ids = live.map(({ id }) => id);
    const states = await untilReachable(signal, () => listApprovalStates(this.#db.orm, ids));
    for (const execution of live) {
      const told = this.#known(execution);
      const known = told.approvals;
      told.approvals = new Map(known);
      for (const { id, executionId, status, assignee } of states) {
        const state = `${status} ${assignee ?? ''}`;
        if (executionId !== execution.id || known?.get(id) === state) continue;
        told.approvals.set(id, state);
        // What was decided before the reader came, it has in the log.
        if (this.#isNew && status !== 'pending') continue;
        const approval = await untilReachable(signal, () => findApprovalById(this.#db.orm, id));
        if (approval !== undefined) yield { kind: 'approval', data: approval };
      }
    }
  }
}

/** What makes an execution's status another one: also that it was handed over, or that its turn has come. */
function stateOf(
  each: Pick<SeenExecution, 'status' | 'segment' | 'attempt'> & { suspendedReason: string | null },
): string {
  return [each.status, each.segment, each.attempt, each.suspendedReason].join(' ');
}
