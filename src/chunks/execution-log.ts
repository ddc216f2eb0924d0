import { type Database, type Transaction, transaction } from '../db/database.ts';
import { untilReachable } from '../db/retry.ts';
import { holdExecution, noLongerOwned, OwnershipLost } from '../executions/ownership.ts';
import { type Chunk, serializeChunk } from './chunk.ts';
import { insertInTransaction, type LogOwner } from './insert-rows.ts';
import { INBOX } from './log-hints.ts';
import { isInLog, readLastSeq } from './read-rows.ts';
import { type Entry, endOf, type LogRow, makeRows } from './row.ts';

/** Bytes of one execution that may wait for the disk before its producer has to wait too. */
const MAX_WAITING_BYTES = 256 * 1024;
/** What a delta weighs beside its text. */
const DELTA_OVERHEAD = 64;

/** What an execution's log needs of the writer that all logs of the process share. */
export interface LogWriterPort {
  readonly db: Database;
  readonly isFull: boolean;
  schedule(log: ExecutionLog): void;
  weigh(bytes: number): void;
  close(log: ExecutionLog): void;
  publish(executionNo: number, rows: readonly LogRow[]): void;
  refused(): void;
}

/** A transaction's own rows: they are numbered and written when its work is done. */
export interface TransactionalAppend {
  readonly tx: Transaction;
  readonly append: (turn: number, ...chunks: Chunk[]) => void;
}

/** A chunk that waits, with what it counts towards the limits. */
interface WeighedEntry extends Entry {
  readonly weight: number;
}

/** The rows and the result of a try to commit. */
interface Tried<T> {
  rows: LogRow[];
  result: T;
}

/** A step that commits rows of the log together with other changes. */
export interface TransactionalStep<T> {
  /** Takes locks that come before the execution's own (lock order: thread → execution). */
  lockFirst?: (tx: Transaction) => Promise<void>;
  /** Runs while the execution's row is held. Runs again after a lost connection, so it looks for its effect. */
  work: (append: TransactionalAppend) => Promise<T>;
}

/**
 * The log of one execution that this process runs. Chunks go through two states: *waiting* (no number yet, may
 * still be joined with a neighbour) and *in flight* (numbered, with bytes that never change again). Only one
 * append is under way at a time, by whichever path: the shared flush, or a transaction.
 */
export class ExecutionLog {
  readonly owner: LogOwner;
  readonly signal: AbortSignal;
  readonly #writer: LogWriterPort;
  readonly #db: Database;
  readonly #onLost: (error: Error) => void;
  #lastSeq: number;
  #waiting: WeighedEntry[] = [];
  #flight: LogRow[] = [];
  #waitingBytes = 0;
  #flightBytes = 0;
  /** How many of those that wait may go into flight: all, or those that came before a transaction. */
  #mayGo = Number.POSITIVE_INFINITY;
  /** Chunks that were appended, and how many of them are committed. */
  #appended = 0;
  #committed = 0;
  #flightChunks = 0;
  #transactions: Promise<unknown> = Promise.resolve();
  #failure: Error | undefined;
  #settled: (() => void)[] = [];

  constructor(
    writer: LogWriterPort,
    options: {
      db: Database;
      owner: LogOwner;
      lastSeq: number;
      signal: AbortSignal;
      onLost: (error: Error) => void;
    },
  ) {
    this.#writer = writer;
    this.#db = options.db;
    this.owner = options.owner;
    this.signal = options.signal;
    this.#lastSeq = options.lastSeq;
    this.#onLost = options.onLost;
    options.signal.addEventListener('abort', () => this.fail(options.signal.reason as Error), { once: true });
  }

  /** The seq of the last committed chunk. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Numbered rows that are being written. */
  get flight(): readonly LogRow[] {
    return this.#flight;
  }

  /**
   * Puts a chunk on its way into the log. A producer awaits what this returns: it resolves when there is room,
   * not when the chunk is committed.
   * @throws OwnershipLost, or what made the log fail.
   */
  async append(turn: number, chunk: Chunk): Promise<void> {
    this.#throwIfFailed();
    const weight = 'delta' in chunk ? chunk.delta.length + DELTA_OVERHEAD : serializeChunk(chunk).length;
    this.#waiting.push({ turn, chunk, weight });
    this.#appended += 1;
    this.#waitingBytes += weight;
    this.#writer.weigh(weight);
    this.#writer.schedule(this);
    while (this.#waitingBytes > MAX_WAITING_BYTES || (this.#writer.isFull && this.#flight.length > 0)) {
      await this.#nextSettled();
    }
  }

  /** Resolves once all that was appended before is committed. @throws as `append` does. */
  async drained(): Promise<void> {
    this.#throwIfFailed();
    const mark = this.#appended;
    while (this.#committed < mark) await this.#nextSettled();
  }

  /**
   * Commits rows and other changes of the execution in one transaction, under the fence. What was appended before
   * is committed first; what is appended meanwhile waits until it is over.
   * @throws OwnershipLost when another attempt owns the execution, or what `work` throws.
   */
  async transact<T>(step: TransactionalStep<T>): Promise<T> {
    const leave = await this.#enter();
    try {
      this.#throwIfFailed();
      this.#mayGo = this.#waiting.length;
      while (this.#mayGo > 0 || this.#flight.length > 0) await this.#nextSettled();
      return await this.#commit(step);
    } finally {
      this.#mayGo = Number.POSITIVE_INFINITY;
      leave();
      if (this.#waiting.length > 0) this.#writer.schedule(this);
    }
  }

  /** Tells readers of the inbox, here and in other processes, of a change that is committed. */
  inboxChanged(): void {
    this.#writer.publish(INBOX, []);
  }

  /** @internal Numbers what waits, if nothing is in flight already; says how many rows there are to write. */
  take(): number {
    if (this.#flight.length > 0) return this.#flight.length;
    const entries = this.#waiting.splice(0, this.#mayGo);
    if (entries.length === 0) return 0;
    this.#mayGo -= entries.length;
    this.#flight = makeRows(entries, this.#lastSeq + 1, this.owner.attempt);
    this.#flightChunks = entries.length;
    this.#flightBytes = entries.reduce((sum, entry) => sum + entry.weight, 0);
    this.#waitingBytes -= this.#flightBytes;
    return this.#flight.length;
  }

  /** @internal The rows in flight are committed: hand them to the readers. */
  written(): void {
    const rows = this.#flight;
    this.#flight = [];
    this.#committed += this.#flightChunks;
    this.#flightChunks = 0;
    this.#writer.weigh(-this.#flightBytes);
    this.#flightBytes = 0;
    this.#deliver(rows);
    if (this.#waiting.length > 0) this.#writer.schedule(this);
    this.#settle();
  }

  /** @internal The fence refused the rows: a newer attempt owns the execution. */
  refused(): void {
    // Given up already, it has nothing in flight that could be refused.
    if (this.#failure === undefined) this.#writer.refused();
    this.fail(noLongerOwned(this.owner.executionId));
  }

  /** @internal Whether the flight went in although its outcome was not heard. */
  async isFlightIn(): Promise<boolean> {
    const [first] = this.#flight;
    return first === undefined || (await isInLog(this.#writer.db.orm, this.owner.executionNo, first));
  }

  /** @internal Somebody else took the seqs in flight (a decision, say): number the same chunks anew. */
  async renumber(): Promise<void> {
    let seq = (await readLastSeq(this.#writer.db.orm, this.owner.executionNo)) + 1;
    this.#flight = this.#flight.map((row) => {
      const moved = { ...row, seq };
      seq += row.n;
      return moved;
    });
  }

  /** The execution has ended or left this process; nothing may be appended any more. */
  close(): void {
    this.#writer.close(this);
  }

  /** Ends this log in this process: what is not committed is given up, whoever waits for it is told why. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#writer.weigh(-this.#waitingBytes - this.#flightBytes);
    this.#waiting = [];
    this.#flight = [];
    this.#waitingBytes = this.#flightBytes = 0;
    this.#settle();
    this.#onLost(error);
  }

  async #commit<T>(step: TransactionalStep<T>): Promise<T> {
    let tried: Tried<T> | undefined;
    const done = await untilReachable(this.signal, () =>
      transaction(this.#db, async (tx) => {
        await step.lockFirst?.(tx);
        const held = await this.#hold(tx);
        // A try whose COMMIT was not heard of held the same row, so it has come to its end by now.
        if (tried !== undefined && (await this.#isIn(tx, tried))) return tried;
        if (held instanceof Error) {
          this.#writer.refused();
          throw held;
        }
        tried = await this.#try(tx, step);
        return tried;
      }),
    );
    this.#deliver(done.rows);
    return done.result;
  }

  /** One transaction of a log at a time, in the order of arrival. */
  async #enter(): Promise<() => void> {
    const previous = this.#transactions;
    let leave = () => {};
    this.#transactions = new Promise<void>((resolve) => {
      leave = resolve;
    });
    await previous;
    return leave;
  }

  /** Takes the fence, or says why not. */
  async #hold(tx: Transaction): Promise<OwnershipLost | undefined> {
    try {
      await holdExecution(tx, this.owner.executionId, this.owner.attempt);
      return undefined;
    } catch (error) {
      if (error instanceof OwnershipLost) return error;
      throw error;
    }
  }

  async #isIn<T>(tx: Transaction, { rows }: Tried<T>): Promise<boolean> {
    return rows[0] !== undefined && (await isInLog(tx, this.owner.executionNo, rows[0]));
  }

  async #try<T>(tx: Transaction, step: TransactionalStep<T>): Promise<Tried<T>> {
    const entries: Entry[] = [];
    const append = (turn: number, ...chunks: Chunk[]) => {
      for (const chunk of chunks) entries.push({ turn, chunk });
    };
    const result = await step.work({ tx, append });
    // Whoever else appends takes the execution's row first, which is held here: this cannot move any more.
    const rows = makeRows(entries, (await readLastSeq(tx, this.owner.executionNo)) + 1, this.owner.attempt);
    await insertInTransaction(tx, this.owner, rows);
    return { rows, result };
  }

  #deliver(rows: readonly LogRow[]): void {
    const last = rows.at(-1);
    if (last === undefined) return;
    this.#lastSeq = endOf(last);
    this.#writer.publish(this.owner.executionNo, rows);
  }

  async #nextSettled(): Promise<void> {
    await new Promise<void>((resolve) => this.#settled.push(resolve));
    this.#throwIfFailed();
  }

  #settle(): void {
    const waiters = this.#settled;
    this.#settled = [];
    for (const resolve of waiters) resolve();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
