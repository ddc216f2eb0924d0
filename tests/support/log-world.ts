import { expect } from '@jest/globals';
import { sql } from 'drizzle-orm';
import type pg from 'pg';
import type { Chunk } from '../../src/chunks/chunk.ts';
import type { ExecutionLog } from '../../src/chunks/execution-log.ts';
import { insertInTransaction, type LogOwner } from '../../src/chunks/insert-rows.ts';
import { LogWriter } from '../../src/chunks/log-writer.ts';
import { readLog } from '../../src/chunks/read-log.ts';
import { readLastSeq } from '../../src/chunks/read-rows.ts';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import { type LogRow, makeRows } from '../../src/chunks/row.ts';
import { type Database, transaction } from '../../src/db/database.ts';
import { OwnershipLost } from '../../src/executions/ownership.ts';
import type { FaultyDatabase } from './faulty-database.ts';
import { insertRunning, storedLines, storedRows, takeOver } from './log-database.ts';
import { silentLog } from './silent-log.ts';
import { waitFor } from './wait-for.ts';

/** A process that runs executions, as far as their logs are concerned. */
export class LogProcess {
  readonly db: FaultyDatabase;
  readonly recentRows = new RecentRows();
  writer: LogWriter;

  constructor(db: FaultyDatabase, onPublished: (executionNo: number, rows: readonly LogRow[]) => void) {
    this.db = db;
    const publish = this.recentRows.publish.bind(this.recentRows);
    this.recentRows.publish = (executionNo, rows) => {
      onPublished(executionNo, rows as readonly LogRow[]);
      publish(executionNo, rows);
    };
    this.writer = this.#newWriter();
  }

  /** Gives up all that is not committed and begins anew, as a process that was killed and started again. */
  async crash(): Promise<void> {
    const { writer } = this;
    this.writer = this.#newWriter();
    await writer.stop(new OwnershipLost('killed'));
  }

  #newWriter(): LogWriter {
    return new LogWriter({ db: this.db, recentRows: this.recentRows, logger: silentLog, flushIntervalMs: 0 });
  }
}

/** A token that some append was given; it shows up in the log wherever its chunk ended. */
type Token = string;

/** One attempt's time with an execution, and what it was promised. */
export interface Tenure {
  readonly log: ExecutionLog;
  readonly owner: LogOwner;
  /** Where the log ended when the claim committed. */
  readonly claimSeq: number;
  readonly appended: Token[];
  /** How many of those `drained` has confirmed. */
  confirmed: number;
  readonly transactions: { tokens: Token[]; after: number; committed: boolean }[];
  /** Its process ended: what was not committed is gone. */
  readonly isCrashed: () => boolean;
  turn: number;
  tokens: number;
}

/** An execution with all that was done to its log, and what readers saw of it. */
export class LoggedExecution {
  readonly #plain: Database;
  readonly #pending: Promise<unknown>[];
  readonly tenures: Tenure[] = [];
  readonly foreign: Token[] = [];
  readonly seen = new Map<number, string>();
  #owner: LogOwner;
  #foreignTokens = 0;
  #locker: pg.PoolClient | undefined;

  constructor(plain: Database, owner: LogOwner, pending: Promise<unknown>[]) {
    this.#plain = plain;
    this.#owner = owner;
    this.#pending = pending;
  }

  static async create(plain: Database, pending: Promise<unknown>[]): Promise<LoggedExecution> {
    return new LoggedExecution(plain, await insertRunning(plain, 0), pending);
  }

  get no(): number {
    return this.#owner.executionNo;
  }

  get tenure(): Tenure {
    return this.tenures.at(-1) as Tenure;
  }

  /** A new attempt in `process`; the old one is told nothing. It goes on where the log ends, as a worker does. */
  async claim(process: LogProcess, releaseLate: () => Promise<unknown>): Promise<void> {
    await this.unlock();
    const [owner] = await Promise.all([takeOver(this.#plain, this.#owner), releaseLate()]);
    this.#owner = owner;
    const claimSeq = await readLastSeq(this.#plain.orm, this.no);
    const controller = new AbortController();
    const { writer } = process;
    const log = writer.open({
      db: process.db,
      owner,
      lastSeq: claimSeq,
      signal: controller.signal,
      onLost: (error) => controller.abort(error),
    });
    const tenure: Tenure = {
      log,
      owner,
      claimSeq,
      appended: [],
      confirmed: 0,
      transactions: [],
      isCrashed: () => process.writer !== writer,
      turn: 1,
      tokens: 0,
    };
    this.tenures.push(tenure);
    const types = (await storedLines(this.#plain, this.no)).map((line) => (JSON.parse(line) as Chunk).type);
    if (!types.includes('start')) this.#send(tenure, { type: 'start' });
    const isStepOpen = types.lastIndexOf('start-step') > types.lastIndexOf('finish-step');
    this.#send(tenure, { type: isStepOpen ? 'reset-step' : 'start-step' });
    this.#send(tenure, { type: 'text-start', id: textId(tenure) });
  }

  append(times: number, isDelta: boolean): void {
    const { tenure } = this;
    for (let i = 0; i < times; i++) {
      const token = nextToken(tenure);
      tenure.appended.push(token);
      this.#send(tenure, isDelta ? { type: 'text-delta', id: textId(tenure), delta: token } : note(token));
    }
  }

  nextTurn(): void {
    const { tenure } = this;
    this.#send(tenure, { type: 'text-end', id: textId(tenure) });
    this.#send(tenure, { type: 'finish-step' });
    tenure.turn += 1;
    this.#send(tenure, { type: 'start-step' });
    this.#send(tenure, { type: 'text-start', id: textId(tenure) });
  }

  drain(): void {
    const { tenure } = this;
    const mark = tenure.appended.length;
    const confirm = () => {
      tenure.confirmed = Math.max(tenure.confirmed, mark);
    };
    this.#pending.push(quiet(tenure.log.drained().then(confirm)));
  }

  transact(times: number): void {
    const { tenure } = this;
    const tokens = Array.from({ length: times }, () => nextToken(tenure));
    const record = { tokens, after: tenure.appended.length, committed: false };
    tenure.transactions.push(record);
    const { turn } = tenure;
    const done = tenure.log.transact({
      work: async ({ append }) => append(turn, ...tokens.map(note)),
    });
    const commit = () => {
      record.committed = true;
    };
    this.#pending.push(quiet(done.then(commit)));
  }

  /** Somebody with a right to it, a decision say, appends under the execution's lock. */
  async appendForeign(releaseLate: () => Promise<unknown>): Promise<void> {
    await this.unlock();
    const token = `<f${this.#foreignTokens++}>`;
    const append = transaction(this.#plain, async (tx) => {
      await tx.execute(sql`SELECT 1 FROM outlast.workflow_executions WHERE no = ${this.no} FOR UPDATE`);
      const seq = (await readLastSeq(tx, this.no)) + 1;
      const rows = makeRows([{ turn: this.tenure.turn, chunk: note(token) }], seq, this.#owner.attempt);
      await insertInTransaction(tx, this.#owner, rows);
    });
    await Promise.all([append, releaseLate()]);
    this.foreign.push(token);
  }

  /** Holds the execution's row, as a slow decision would, until `unlock`. */
  async lock(): Promise<void> {
    if (this.#locker !== undefined) return;
    this.#locker = await this.#plain.pool.connect();
    await this.#locker.query('BEGIN');
    await this.#locker.query(
      'SELECT 1 FROM outlast.workflow_executions WHERE no = $1 FOR UPDATE SKIP LOCKED',
      [this.no],
    );
  }

  async unlock(): Promise<void> {
    const locker = this.#locker;
    this.#locker = undefined;
    await locker?.query('COMMIT');
    locker?.release();
  }

  #send(tenure: Tenure, chunk: Chunk): void {
    this.#pending.push(quiet(tenure.log.append(tenure.turn, chunk)));
  }
}

/** A reader that checks each line as it comes: the next seq, the bytes that others saw, and that it is stored. */
export class CheckingReader {
  readonly execution: LoggedExecution;
  cursor: number;
  readonly #controller = new AbortController();
  readonly #done: Promise<void>;

  constructor(process: LogProcess, plain: Database, execution: LoggedExecution, after: number) {
    this.execution = execution;
    this.cursor = after;
    this.#done = this.#read(process, plain);
  }

  async leave(): Promise<void> {
    this.#controller.abort();
    await this.#done;
  }

  async caughtUpWith(lastSeq: number): Promise<void> {
    await waitFor(() => this.cursor >= lastSeq, { describe: () => `seq ${lastSeq}, at ${this.cursor}` });
  }

  async #read(process: LogProcess, plain: Database): Promise<void> {
    const { execution } = this;
    const options = { after: this.cursor, signal: this.#controller.signal, pollMs: 20 };
    for await (const lines of readLog(process.db, process.recentRows, execution.no, options)) {
      const stored = await storedLines(plain, execution.no);
      for (const { seq, chunk } of lines) {
        expect(seq).toBe(this.cursor + 1);
        expect(chunk).toBe(stored[seq - 1]);
        expect(chunk).toBe(execution.seen.get(seq) ?? chunk);
        execution.seen.set(seq, chunk);
        this.cursor = seq;
      }
    }
  }
}

/** Fails unless these rows are in the table, just as they were handed to readers. */
export async function expectStored(
  plain: Database,
  executionNo: number,
  rows: readonly LogRow[],
): Promise<void> {
  const stored = await storedRows(plain, executionNo);
  for (const row of rows) expect(stored).toContainEqual(row);
}

function textId(tenure: Tenure): string {
  return `a${tenure.owner.attempt}.t${tenure.turn}`;
}

function nextToken(tenure: Tenure): Token {
  return `<${tenure.owner.attempt}.${tenure.tokens++}>`;
}

function note(token: Token): Chunk {
  return { type: 'data-note', data: token };
}

async function quiet(promise: Promise<unknown>): Promise<void> {
  await promise.catch(() => undefined);
}
