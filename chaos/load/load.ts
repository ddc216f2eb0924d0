import { randomUUID } from 'node:crypto';
import type { Cluster } from '../cluster/cluster.ts';
import { type Random, seededRandom } from '../random.ts';
import { drawJob, type Task } from './mix.ts';
import { Reader, type SeenRow } from './reader.ts';
import { startExecution } from './start-execution.ts';

/** Well below the time that a server stays frozen, well above the longest pause of a stream that is alive. */
const SILENCE_MS = 2000;
/** The share of executions that are read by a second reader. */
const SECOND_READER = 0.25;
/** The share of rows whose commit is looked up when they arrive (L3). */
const LOOKED_UP = 0.03;

/** An execution that was accepted, with those who read it. */
export interface Followed {
  readonly executionId: string;
  readonly threadId: string;
  readonly task: Task;
  readonly readers: Reader[];
}

/** Rows that a reader had before they were in the table (L3). */
export interface Early {
  executionId: string;
  seq: number;
}

/** Keeps so many jobs under way, with readers, until it is told to start no more. */
export class Load {
  readonly followed: Followed[] = [];
  readonly early: Early[] = [];
  /** Errors of requests that should have been accepted. */
  readonly refusals: string[] = [];
  /** Rows that were looked up when they arrived. */
  lookedUp = 0;
  readonly #cluster: Cluster;
  readonly #jobs: Random;
  readonly #lookUps: Random;
  readonly #ending = new AbortController();
  readonly #slots: Promise<void>[];
  #jobNo = 0;

  constructor(cluster: Cluster, seed: number, slots: number) {
    this.#cluster = cluster;
    this.#jobs = seededRandom(seed, 'jobs');
    this.#lookUps = seededRandom(seed, 'look-ups');
    this.#slots = Array.from({ length: slots }, () => this.#keepBusy());
  }

  /** Readers that are still at it. */
  get reading(): Reader[] {
    return this.followed.flatMap(({ readers }) => readers.filter((reader) => !reader.isDone));
  }

  /** Starts nothing more. Resolves when everything has come to its end. */
  async end(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#slots);
  }

  /** Gives up on what has not come to its end. */
  abandon(): void {
    for (const reader of this.reading) reader.close();
  }

  /** Reads executions from their start, after their end. */
  async readAgain(followed: readonly Followed[]): Promise<void> {
    await Promise.all(
      followed.map(async ({ executionId, readers }) => {
        const reader = this.#follow(executionId);
        readers.push(reader);
        await reader.done;
      }),
    );
  }

  async #keepBusy(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      try {
        await this.#runJob();
      } catch (error) {
        if (!this.#ending.signal.aborted) this.refusals.push(String(error));
      }
    }
  }

  async #runJob(): Promise<void> {
    const job = drawJob(this.#jobs, (this.#jobNo += 1));
    const isReadTwice = this.#jobs.next() < SECOND_READER;
    const threadId = randomUUID();
    const readers: Reader[] = [];
    for (const task of job) {
      const request = { threadId, input: task.script };
      const executionId = await startExecution(
        () => this.#cluster.nextUrl(),
        request,
        this.#ending.signal,
      ).catch((error: unknown) => {
        if (readers.length === 0) throw error;
      });
      if (executionId === undefined) break;
      const own = [this.#follow(executionId), ...(isReadTwice ? [this.#follow(executionId)] : [])];
      this.followed.push({ executionId, threadId, task, readers: own });
      readers.push(...own);
    }
    await Promise.all(readers.map((reader) => reader.done));
  }

  #follow(executionId: string): Reader {
    return new Reader({
      executionId,
      nextUrl: () => this.#cluster.nextUrl(),
      silenceMs: SILENCE_MS,
      onRow: (row) => {
        if (this.#lookUps.next() < LOOKED_UP) void this.#lookUp(executionId, row);
      },
    });
  }

  async #lookUp(executionId: string, { seq }: SeenRow): Promise<void> {
    const rows = await this.#cluster.database.askOnce<{ last: number | null }>(
      `SELECT max(c.seq + c.n - 1) AS last FROM outlast.stream_chunks c
       JOIN outlast.workflow_executions e ON e.no = c.execution_no WHERE e.id = $1`,
      [executionId],
    );
    if (rows === undefined) return;
    this.lookedUp += 1;
    if ((rows[0]?.last ?? 0) < seq) this.early.push({ executionId, seq });
  }
}
