import type { Chunk } from '../../src/chunks/chunk.ts';
import { encodeHints } from '../../src/chunks/log-hints.ts';
import { runQuery } from '../../src/db/database.ts';
import { type CountedDatabase, openCountedDatabase } from './counted-database.ts';
import type { Writer, WriterTarget } from './writer.ts';

/** Where bare readers are told which logs have grown. */
export const BARE_CHANNEL = 'bench_log';

const INSERT = `
INSERT INTO outlast.stream_chunks (execution_no, tenant_id, attempt, turn, seq, n, chunks)
SELECT t.no, 'bench', 1, 1, t.seq, t.n, t.chunks
FROM unnest($1::bigint[], $2::int[], $3::int[], $4::text[]) AS t(no, seq, n, chunks)`;

/** How a batch becomes rows: one for each chunk, or one for all neighbours of an execution. */
export type Packing = 'a row a chunk' | 'a row a batch';

interface Row {
  execution: number;
  seq: number;
  chunks: string[];
}

/** What is collected while an INSERT is in flight. */
class Batch {
  readonly rows: Row[] = [];
  readonly last = new Map<number, Row>();
  readonly committed: Promise<void>;
  commit: () => void = () => undefined;

  constructor() {
    this.committed = new Promise((resolve) => {
      this.commit = resolve;
    });
  }
}

/**
 * Group commit and nothing else, as the limit of what this table can take: while an INSERT is in flight, collect;
 * then one INSERT for all, and a NOTIFY after its commit. No fence, no joining of deltas, no limits, no recovery.
 */
export class BareWriter implements Writer {
  readonly #db: CountedDatabase;
  readonly #target: WriterTarget;
  readonly #packing: Packing;
  readonly #lastSeq: number[];
  readonly #batchOf: (Batch | undefined)[];
  readonly #grown = new Map<number, number>();
  #committed = 0;
  #collecting = new Batch();
  #running: Promise<void> | undefined;
  #notifying: Promise<void> | undefined;

  constructor(target: WriterTarget, packing: Packing) {
    this.#db = openCountedDatabase(target.databaseUrl, 'bench-append');
    this.#target = target;
    this.#packing = packing;
    this.#lastSeq = target.executions.map(() => target.lastSeq);
    this.#batchOf = target.executions.map(() => undefined);
  }

  get committed(): number {
    return this.#committed;
  }

  get commits(): number {
    return this.#db.ran;
  }

  append(execution: number, chunk: Chunk): void {
    const seq = (this.#lastSeq[execution] ?? 0) + 1;
    const batch = this.#collecting;
    this.#lastSeq[execution] = seq;
    this.#batchOf[execution] = batch;
    const neighbours = this.#packing === 'a row a batch' ? batch.last.get(execution) : undefined;
    if (neighbours === undefined) {
      const row = { execution, seq, chunks: [JSON.stringify(chunk)] };
      batch.rows.push(row);
      batch.last.set(execution, row);
    } else {
      neighbours.chunks.push(JSON.stringify(chunk));
    }
    this.#running ??= this.#run();
  }

  async drained(execution: number): Promise<void> {
    await this.#batchOf[execution]?.committed;
  }

  async close(): Promise<void> {
    await this.#running;
    await this.#notifying;
    await this.#db.close();
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#collecting.rows.length > 0) {
      const batch = this.#collecting;
      this.#collecting = new Batch();
      await this.#insert(batch.rows);
      batch.commit();
      for (const { execution, seq, chunks } of batch.rows) {
        this.#grown.set(this.#noOf(execution), seq + chunks.length - 1);
        this.#committed += chunks.length;
      }
      this.#notifying ??= this.#notify();
    }
    this.#running = undefined;
  }

  async #insert(rows: readonly Row[]): Promise<void> {
    await runQuery(this.#db, {
      name: 'bench-append',
      text: INSERT,
      values: [
        rows.map((row) => this.#noOf(row.execution)),
        rows.map((row) => row.seq),
        rows.map((row) => row.chunks.length),
        rows.map((row) => row.chunks.join('\n')),
      ],
    });
  }

  async #notify(): Promise<void> {
    while (this.#grown.size > 0) {
      const payloads = encodeHints(
        [...this.#grown].map(([executionNo, lastSeq]) => ({ executionNo, lastSeq })),
      );
      this.#grown.clear();
      await runQuery(this.#db, {
        name: 'bench-notify',
        text: 'SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload',
        values: [BARE_CHANNEL, payloads],
      });
    }
    this.#notifying = undefined;
  }

  #noOf(execution: number): number {
    return this.#target.executions[execution]?.no ?? 0;
  }
}
