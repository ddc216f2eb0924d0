import type { EventSourceMessage } from 'eventsource-parser';
import type { Connection, OutgoingRequest } from '../http/connection.ts';
import type { Environment } from '../http/environment.ts';
import { isTransient } from '../problem.ts';
import { readEvents, StreamCut } from './events.ts';
import { pause } from './pause.ts';

/** `connecting`: asked, no answer yet; `live`: what happens is seen; `offline`: waiting to try again. */
export type ConnectionState = 'connecting' | 'live' | 'offline';

/** One connection after the other to the same stream. */
export interface FollowOptions {
  /** The request that goes on where the reader is. */
  request(): OutgoingRequest;
  /** Whether an event is to be had. One that cannot be here cuts the connection, by a `StreamCut`. */
  isNext(event: FollowedEvent): boolean;
  /** A stream that is open already, to begin with. */
  opened?: Response | undefined;
  signal?: AbortSignal | undefined;
  onState?: ((state: ConnectionState) => void) | undefined;
}

/** An event, and whether it is the first without a name on its connection. */
export interface FollowedEvent extends EventSourceMessage {
  isFirst: boolean;
}

/** The server sends a sign of life every 10 s: a connection that is silent for longer than three is dead. */
const SILENCE_MS = 35_000;

/**
 * The events of a stream over as many connections as it takes, until the server says `[DONE]`. Ends quietly when
 * `signal` aborts.
 * @throws OutlastProblem when asking again would not help
 */
export async function* follow(
  connection: Connection,
  options: FollowOptions,
): AsyncGenerator<FollowedEvent, void, undefined> {
  const { environment } = connection;
  const { onState = () => undefined } = options;
  const over = new AbortController();
  const signal = options.signal === undefined ? over.signal : AbortSignal.any([over.signal, options.signal]);
  let { opened } = options;
  let failures = 0;
  const onLife = () => {
    failures = 0;
  };
  try {
    for (;;) {
      let failure: unknown;
      const attempt = new AbortController();
      try {
        if (opened === undefined) onState('connecting');
        const ends = AbortSignal.any([signal, attempt.signal]);
        const response = opened ?? (await connection.send({ ...options.request(), signal: ends }));
        opened = undefined;
        if (response.status === 204) return;
        onState('live');
        const isDone = yield* readConnection(response, {
          environment,
          onLife,
          isNext: options.isNext,
          hangUp: attempt,
          signal: ends,
        });
        if (isDone) return;
        failure = new StreamCut('The stream was cut');
      } catch (error) {
        failure = error;
      }
      if (signal.aborted) return;
      failures += 1;
      if (!isTransient(failure)) throw failure;
      onState('offline');
      await pause(environment, failures, failure, signal);
      if (signal.aborted) return;
    }
  } finally {
    over.abort();
  }
}

interface ReadOptions {
  environment: Environment;
  onLife(): void;
  isNext(event: FollowedEvent): boolean;
  hangUp: AbortController;
  /** Aborts with `hangUp`, and when the whole stream is to end. */
  signal: AbortSignal;
}

/** Reads one connection. @returns whether the server said that this was all */
async function* readConnection(
  response: Response,
  { environment, onLife, isNext, hangUp, signal }: ReadOptions,
): AsyncGenerator<FollowedEvent, boolean, undefined> {
  const type = response.headers.get('content-type') ?? '';
  if (response.body === null || !type.startsWith('text/event-stream')) {
    throw new Error(`The server answered with "${type}" and not with a stream: is baseUrl right?`);
  }
  const events = readEvents(response.body, { onLife, signal });
  let isFirst = true;
  try {
    for (;;) {
      const { done, value } = await unlessSilent(events.next(), environment, hangUp);
      if (done === true || signal.aborted) return false;
      if (value.event === undefined && value.data === '[DONE]') return true;
      const event = { ...value, isFirst };
      if (value.event === undefined) isFirst = false;
      if (isNext(event)) yield event;
    }
  } finally {
    hangUp.abort(new StreamCut('The stream is not read any more'));
  }
}

/** Waits for what is read, but not for a connection that died without a word, as they do when a machine sleeps. */
async function unlessSilent<T>(
  read: Promise<T>,
  environment: Environment,
  hangUp: AbortController,
): Promise<T> {
  const since = environment.now();
  let fail: () => void = () => undefined;
  const silent = new Promise<never>((_, reject) => {
    fail = () => {
      const cut = new StreamCut('The stream fell silent');
      hangUp.abort(cut);
      reject(cut);
    };
  });
  const callOff = environment.after(SILENCE_MS, fail);
  // Timers of a page that sleeps do not run: when it wakes, the clock tells.
  const ignore = environment.onWake(() => {
    if (environment.now() - since >= SILENCE_MS) fail();
  });
  try {
    return await Promise.race([read, silent]);
  } finally {
    callOff();
    ignore();
  }
}
