import type { Chunk } from '../../src/chunks/chunk.ts';
import { type Database, runQuery } from '../../src/db/database.ts';
import type { Contestant, Deliver, LogUnderTest } from './log-under-test.ts';
import type { RunningExecution } from './make-executions.ts';

const INSERT = `
INSERT INTO outlast.stream_chunks (execution_no, tenant_id, attempt, turn, seq, n, chunks)
SELECT t.no, 'bench', 1, 1, t.seq, t.n, t.chunks
FROM unnest($1::bigint[], $2::int[], $3::int[], $4::text[]) AS t(no, seq, n, chunks)`;

/** How a batch becomes rows: one for each chunk, or one for all neighbours of an execution. */
type Packing = 'a row a chunk' | 'a row a batch';

interface Waiting {
  execution: number;
  seq: number;
  chunks: string[];
}

/**
 * Group commit and nothing else, as the limit of what this table can take: while an INSERT is in flight, collect;
 * then one INSERT for all. No fence, no joining of deltas, no limits, no recovery from anything.
 */
export function bareLog(packing: Packing): Contestant {
  return {
    name: `bare SQL, ${packing}`,
    open: (db, executions, deliver) => new BareLog(db, executions, deliver, packing),
  };
}

class BareLog implements LogUnderTest {
  readonly #db: Database;
  readonly #executions: readonly RunningExecution[];
  readonly #deliver: Deliver;
  readonly #packing: Packing;
  readonly #lastSeq: number[];
  #waiting: Waiting[] = [];
  #last = new Map<number, Waiting>();
  #running: Promise<void> | undefined;

  constructor(db: Database, executions: readonly RunningExecution[], deliver: Deliver, packing: Packing) {
    this.#db = db;
    this.#executions = executions;
    this.#deliver = deliver;
    this.#packing = packing;
    this.#lastSeq = executions.map(() => 0);
  }

  append(execution: number, chunk: Chunk): void {
    const seq = (this.#lastSeq[execution] ?? 0) + 1;
    this.#lastSeq[execution] = seq;
    const neighbours = this.#packing === 'a row a batch' ? this.#last.get(execution) : undefined;
    if (neighbours !== undefined) {
      neighbours.chunks.push(JSON.stringify(chunk));
    } else {
      const row = { execution, seq, chunks: [JSON.stringify(chunk)] };
      this.#waiting.push(row);
      this.#last.set(execution, row);
    }
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      this.#last = new Map();
      await this.#insert(batch);
      for (const { execution, seq, chunks } of batch) {
        chunks.forEach((chunk, i) => this.#deliver(execution, seq + i, chunk));
      }
    }
    this.#running = undefined;
  }

  async #insert(batch: readonly Waiting[]): Promise<void> {
    await runQuery(this.#db, {
      name: 'bench-append',
      text: INSERT,
      values: [
        batch.map((row) => this.#executions[row.execution]?.no),
        batch.map((row) => row.seq),
        batch.map((row) => row.chunks.length),
        batch.map((row) => row.chunks.join('\n')),
      ],
    });
  }
}
