import pg from 'pg';
import type { Logger } from 'pino';
import { pause } from '../pause.ts';
import { decodeHints, decodeThreadHints, HINT_CHANNEL, type LogHint } from './log-hints.ts';

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;
/** A connection that says nothing for this long is asked whether it still lives. */
const PROBE_MS = 5000;
const PROBE_PATIENCE_MS = 5000;

/** Where it is counted what the listener hears. */
export interface ListenerMetrics {
  /** A notification has come. */
  heard(): void;
  /** Listening has begun; `isAgain` after a connection that was lost. */
  listening(isAgain: boolean): void;
}

export interface LogListenerOptions {
  databaseUrl: string;
  logger: Logger;
  onHints: (hints: LogHint[]) => void;
  /** Threads of which something has changed, by their numbers. */
  onThreads?: (threadNos: number[]) => void;
  /** Called whenever listening has begun, also after a break: what was said before was not heard. */
  onListening: () => void;
  metrics?: ListenerMetrics | undefined;
}

/**
 * The one connection on which this process hears of logs that others write. It is never inside a transaction, and
 * is made again, with back-off, whenever it ends.
 */
export class LogListener {
  readonly #options: LogListenerOptions;
  #stopped = new AbortController();
  #loop: Promise<void> | undefined;
  #isListening = false;
  /** Whether it has listened since it was started. */
  #hasListened = false;

  constructor(options: LogListenerOptions) {
    this.#options = options;
  }

  get isListening(): boolean {
    return this.#isListening;
  }

  /** Begins to listen; does nothing if it does already. */
  start(): void {
    if (this.#loop !== undefined) return;
    this.#stopped = new AbortController();
    this.#hasListened = false;
    this.#loop = this.#run(this.#stopped.signal);
  }

  /** Ends the connection. It may be started again. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
    this.#loop = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const began = performance.now();
      await this.#listen(signal);
      if (performance.now() - began > LONGEST_PAUSE_MS) pauseMs = FIRST_PAUSE_MS;
      await pause(pauseMs, signal);
    }
  }

  /** Listens until the connection ends. */
  async #listen(signal: AbortSignal): Promise<void> {
    const { databaseUrl, logger, metrics } = this.#options;
    const client = new pg.Client({
      connectionString: databaseUrl,
      application_name: 'outlast listener',
      keepAlive: true,
      connectionTimeoutMillis: 5000,
      query_timeout: PROBE_PATIENCE_MS,
    });
    const over = new AbortController();
    const end = () => over.abort();
    client.once('end', end).on('error', end);
    signal.addEventListener('abort', end, { once: true });
    try {
      client.on('notification', ({ payload = '' }) => {
        metrics?.heard();
        this.#options.onHints(decodeHints(payload));
        this.#options.onThreads?.(decodeThreadHints(payload));
      });
      await client.connect();
      await client.query(`LISTEN ${HINT_CHANNEL}`);
      this.#isListening = true;
      metrics?.listening(this.#hasListened);
      this.#hasListened = true;
      this.#options.onListening();
      await probe(client, over.signal);
    } catch (error) {
      logger.debug({ err: error }, 'log.listener-failed');
    } finally {
      if (!signal.aborted) logger.warn('log.listener-lost');
      this.#isListening = false;
      // The signal lives on: it would hold every connection that was ever lost.
      signal.removeEventListener('abort', end);
      client.end().catch(() => undefined);
    }
  }
}

/** Resolves at the abort, or when a peer that is gone without a word does not answer any more. */
async function probe(client: pg.Client, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(PROBE_MS, signal);
    if (signal.aborted) return;
    try {
      await client.query('SELECT 1');
    } catch {
      return;
    }
  }
}
