import { createHash } from 'node:crypto';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../support/seeded-random.ts';
import { type WireForm, WireParser, type WireRow } from '../support/wire-rows.ts';

/** An execution that is read, and how far anybody has seen it. */
export interface ReadExecution {
  readonly id: string;
  /** The greatest seq that any reader has. */
  seen: number;
  /** Somebody has seen its end. */
  isOver: boolean;
}

/** How one connection is made, and how many rows later it is cut. */
interface Visit {
  server: string;
  form: WireForm;
  cursor: number;
  by: (typeof WAYS)[number];
  /** How far from the end it begins, if it is said so. */
  back: number;
  cutAfter: number;
}

const RETRY_MS = 20;
const FORMS: readonly WireForm[] = ['text/event-stream', 'application/x-ndjson'];
const WAYS = ['last-event-id', 'after', 'startIndex', 'from the end'] as const;

/**
 * A client that comes when it likes, leaves in the middle of things and comes back, to this server or that one, in
 * one form or another, with its own cursor or an older one. It holds each connection to the promise of every
 * stream: cursor + 1, cursor + 2 … and nothing twice; what breaks it is in `faults`.
 */
export class RestlessReader {
  readonly execution: ReadExecution;
  readonly rows = new Map<number, string>();
  readonly faults: string[] = [];
  visits = 0;
  /** Connections that the server ended before the end of the log. */
  cutByServer = 0;
  readonly #servers: readonly string[];
  readonly #random: SeededRandom;
  #lastSeq: number | undefined;

  constructor(servers: readonly string[], execution: ReadExecution, random: SeededRandom) {
    this.#servers = servers;
    this.execution = execution;
    this.#random = random;
  }

  /** Comes once somebody has seen `joinAt` rows, or the end; resolves when it has the whole log. */
  async read(joinAt: number, signal: AbortSignal): Promise<void> {
    const { execution } = this;
    while (execution.seen < joinAt && !execution.isOver && !signal.aborted) await delay(RETRY_MS);
    // Whoever joins late may begin anywhere; what came before is read at the end.
    const { seen } = execution;
    let cursor = this.#random.oneOf([0, seen, this.#random.between(0, seen)]);
    while (!signal.aborted && !this.#hasAll() && this.faults.length === 0) {
      await this.#visit(this.#plan(cursor), signal);
      cursor = this.#nextCursor();
      if (!this.#hasAll()) await delay(this.#random.oneOf([0, RETRY_MS]));
    }
  }

  /** One hash over all rows with their numbers. */
  hash(): string {
    return hashRows([...this.rows].map(([seq, bytes]) => ({ seq, bytes })));
  }

  #hasAll(): boolean {
    return this.#lastSeq !== undefined && this.rows.size === this.#lastSeq;
  }

  #plan(cursor: number): Visit {
    return {
      server: this.#random.oneOf(this.#servers),
      form: this.#random.oneOf(FORMS),
      cursor,
      by: this.#random.oneOf(WAYS),
      back: Math.max(1, this.#lastSeen() - cursor),
      cutAfter: this.#random.oneOf([0, 1, this.#random.between(2, 120), Number.POSITIVE_INFINITY]),
    };
  }

  /** After the last row that it has, or any earlier one; once the end is known, where its first gap is. */
  #nextCursor(): number {
    const last = this.#lastSeen();
    if (this.#lastSeq === undefined) return this.#random.oneOf([last, last, this.#random.between(0, last)]);
    let gap = 1;
    while (this.rows.has(gap)) gap += 1;
    return gap - 1;
  }

  /** One connection, to its end, however it ends. */
  #visit(visit: Visit, signal: AbortSignal): Promise<void> {
    this.visits += 1;
    const { path, headers } = this.#request(visit);
    return new Promise((resolve) => {
      const sent = http.get(`${visit.server}${path}`, { agent: false, headers, signal }, (response) => {
        const connection = new Connection(visit, response);
        response.setEncoding('utf8').on('data', (text: string) => {
          this.#take(connection, text);
          if (connection.count >= visit.cutAfter) sent.destroy();
        });
        response
          .on('error', () => undefined)
          .once('close', () => {
            this.#conclude(connection, response, sent.destroyed && connection.count >= visit.cutAfter);
            resolve();
          });
      });
      sent.on('error', () => resolve());
    });
  }

  #lastSeen(): number {
    return Math.max(0, ...this.rows.keys());
  }

  #request({ form, cursor, by, back }: Visit): { path: string; headers: Record<string, string> } {
    const path = `/executions/${this.execution.id}/stream`;
    if (by === 'last-event-id') return { path, headers: { accept: form, 'last-event-id': String(cursor) } };
    const query = by === 'from the end' ? `startIndex=-${back}` : `${by}=${cursor}`;
    return { path: `${path}?${query}`, headers: { accept: form } };
  }

  #take(connection: Connection, text: string): void {
    if (connection.status !== 200) return;
    const { rows, isDone } = connection.parser.take(text);
    for (const row of rows) this.#keep(connection, row);
    if (isDone) {
      connection.isDone = true;
      this.#lastSeq = connection.next - 1;
      this.execution.isOver = true;
    }
  }

  #keep(connection: Connection, { seq, bytes }: WireRow): void {
    if (connection.isDone) this.#fault(connection, `row ${seq} came after the end`);
    if (seq !== connection.next) this.#fault(connection, `row ${seq} came instead of ${connection.next}`);
    if ((this.rows.get(seq) ?? bytes) !== bytes) this.#fault(connection, `row ${seq} has changed`);
    connection.next = seq + 1;
    connection.count += 1;
    this.rows.set(seq, bytes);
    this.execution.seen = Math.max(this.execution.seen, seq);
  }

  #conclude(connection: Connection, response: http.IncomingMessage, wasCutHere: boolean): void {
    // The cursor is at the end of a final log.
    if (connection.status === 204) this.#lastSeq = connection.next - 1;
    else if (connection.status < 500 && connection.status !== 200)
      this.#fault(connection, `status ${connection.status}`);
    else if (connection.status === 200 && !connection.isDone && !wasCutHere) {
      this.cutByServer += 1;
      if (response.complete) this.#fault(connection, 'a clean end without the sign of the end');
    }
  }

  #fault({ visit }: Connection, what: string): void {
    this.faults.push(`${this.execution.id}: ${what} (${JSON.stringify(visit)})`);
  }
}

/** What is known of one open connection. */
class Connection {
  readonly visit: Visit;
  readonly status: number;
  readonly parser: WireParser;
  next: number;
  count = 0;
  isDone = false;

  constructor(visit: Visit, response: http.IncomingMessage) {
    this.visit = visit;
    this.status = response.statusCode ?? 0;
    this.parser = new WireParser(visit.form);
    const tail = Number(response.headers['x-stream-tail']);
    this.next = 1 + (visit.by === 'from the end' ? Math.max(0, tail - visit.back) : visit.cursor);
  }
}

/** The same for the same rows with the same numbers, in whatever order they are given. */
export function hashRows(rows: readonly WireRow[]): string {
  const hash = createHash('sha256');
  for (const { seq, bytes } of rows.toSorted((a, b) => a.seq - b.seq)) hash.update(`${seq} ${bytes}\n`);
  return hash.digest('hex');
}
