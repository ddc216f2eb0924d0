import type { Chunk } from '../../src/chunks/chunk.ts';

const PREFIX = '{"type":"text-delta","id":"t1.';
const DIGITS = 7;

/**
 * Makes the chunks and checks what comes back: when each was appended, when its reader had it, and that the reader
 * of each execution gets 1, 2, 3 … once and in order. Each chunk has an id of its own, so that none is joined with
 * its neighbour: what is counted went through the log one by one. 60 bytes as JSON.
 */
export class Ledger {
  /** Milliseconds from append to reader, of what was appended since `startCounting`. */
  readonly latencies: number[] = [];
  delivered = 0;
  doubled = 0;
  disordered = 0;
  readonly #sentAt: number[][];
  readonly #next: number[];
  #countFrom = Number.POSITIVE_INFINITY;

  constructor(executions: number) {
    this.#sentAt = Array.from({ length: executions }, () => []);
    this.#next = Array.from({ length: executions }, () => 0);
  }

  startCounting(): void {
    this.#countFrom = performance.now();
    this.delivered = 0;
  }

  /** Chunks that were appended and never came. */
  get lost(): number {
    return this.#sentAt.reduce((sum, sent, execution) => sum + sent.length - (this.#next[execution] ?? 0), 0);
  }

  make(execution: number): Chunk {
    const sent = this.#sentAt[execution] as number[];
    const id = `t1.${String(sent.length).padStart(DIGITS, '0')}`;
    sent.push(performance.now());
    return { type: 'text-delta', id, delta: 'durability' };
  }

  take(execution: number, seq: number, serialized: string): void {
    const index = Number(serialized.slice(PREFIX.length, PREFIX.length + DIGITS));
    const expected = this.#next[execution] ?? 0;
    if (index < expected) this.doubled += 1;
    else if (index > expected || seq !== index + 1) this.disordered += 1;
    else this.#next[execution] = index + 1;
    const sentAt = this.#sentAt[execution]?.[index] ?? 0;
    this.delivered += 1;
    if (sentAt >= this.#countFrom) this.latencies.push(performance.now() - sentAt);
  }
}
