import type { Logger } from 'pino';
import { type Database, runQuery } from '../db/database.ts';

/** The channel on which processes tell each other that logs have grown. */
export const HINT_CHANNEL = 'outlast_log';

/** Bytes of one notification; at 8,000 Postgres refuses it. */
const MAX_PAYLOAD = 7000;

/**
 * That the log of an execution reaches to a seq by now; 0: that something else about the execution has changed. Only
 * a hint: the table tells.
 */
export interface LogHint {
  readonly executionNo: number;
  readonly lastSeq: number;
}

/**
 * Stands where hints have the number of an execution, which none has: something of the inbox has changed. Processes of
 * an older version know nothing by that number, and pass it over.
 */
export const INBOX = 0;

/** Where it is counted how many notifications were sent. */
export interface HintMetrics {
  sent(notifications: number): void;
}

/**
 * Tells the other processes which logs have grown. Always in a statement of its own, after the commit: inside the
 * transaction NOTIFY would hold a database-wide lock until that commit is on disk, and line up the commits of all
 * processes. One is in flight at a time and nothing waits for it; meanwhile hints merge. A lost one does no harm.
 */
export class LogHints {
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #metrics: HintMetrics | undefined;
  readonly #grown = new Map<number, number>();
  readonly #changed = new Set<number>();
  readonly #threads = new Set<number>();
  #sending = false;

  constructor(db: Database, logger: Logger, metrics?: HintMetrics) {
    this.#db = db;
    this.#logger = logger;
    this.#metrics = metrics;
  }

  add({ executionNo, lastSeq }: LogHint): void {
    if (lastSeq === 0) this.#changed.add(executionNo);
    else this.#grown.set(executionNo, lastSeq);
    this.#schedule();
  }

  /** Tells that something about a thread has changed: an execution, its status, a message, its end. */
  addThread(threadNo: number): void {
    this.#threads.add(threadNo);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#sending) return;
    this.#sending = true;
    // After what else is published in this turn of the event loop, so that a flush is one notification.
    queueMicrotask(() => void this.#send());
  }

  async #send(): Promise<void> {
    try {
      while (this.#grown.size + this.#changed.size + this.#threads.size > 0) {
        const threads = [...this.#threads];
        this.#threads.clear();
        const payloads = encodeHints(this.#takeAll(), threads);
        await runQuery(this.#db, {
          name: 'log-notify',
          text: 'SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload',
          values: [HINT_CHANNEL, payloads],
        });
        this.#metrics?.sent(payloads.length);
      }
    } catch (error) {
      // Whoever was to hear it polls; the next flush tries again.
      this.#logger.debug({ err: error }, 'log.hint-failed');
    } finally {
      this.#sending = false;
    }
  }

  #takeAll(): LogHint[] {
    const hints = [...this.#grown].map(([executionNo, lastSeq]) => ({ executionNo, lastSeq }));
    for (const executionNo of this.#changed) hints.push({ executionNo, lastSeq: 0 });
    this.#grown.clear();
    this.#changed.clear();
    return hints;
  }
}

/**
 * Writes hints as `no:seq` in base 36, and those of threads as `t.no`, joined by commas, in as many payloads as they
 * need.
 */
export function encodeHints(hints: readonly LogHint[], threadNos: readonly number[] = []): string[] {
  const entries = [
    ...hints.map(({ executionNo, lastSeq }) => `${executionNo.toString(36)}:${lastSeq.toString(36)}`),
    ...threadNos.map((threadNo) => `t.${threadNo.toString(36)}`),
  ];
  const payloads: string[] = [];
  let payload = '';
  for (const entry of entries) {
    if (payload.length + entry.length + 1 > MAX_PAYLOAD) {
      payloads.push(payload);
      payload = '';
    }
    payload += payload === '' ? entry : `,${entry}`;
  }
  return payload === '' ? payloads : [...payloads, payload];
}

/** Reads hints of logs; what is none (anybody may notify) is passed over. */
export function decodeHints(payload: string): LogHint[] {
  return payload.split(',').flatMap((hint) => {
    const [, no, seq] = /^([0-9a-z]{1,11}):([0-9a-z]{1,7})$/.exec(hint) ?? [];
    if (no === undefined || seq === undefined) return [];
    return [{ executionNo: Number.parseInt(no, 36), lastSeq: Number.parseInt(seq, 36) }];
  });
}

/** Reads the numbers of the threads that have changed. */
export function decodeThreadHints(payload: string): number[] {
  return payload.split(',').flatMap((hint) => {
    const [, no] = /^t\.([0-9a-z]{1,11})$/.exec(hint) ?? [];
    return no === undefined ? [] : [Number.parseInt(no, 36)];
  });
}
