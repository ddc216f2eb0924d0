import { LogGone, readLog } from '../../chunks/read-log.ts';
import type { RecentRows } from '../../chunks/recent-rows.ts';
import type { Database } from '../../db/database.ts';
import type { Scope } from '../../db/scope.ts';
import type { LogHead } from '../../executions/log-head.ts';
import { Problem } from '../../problems/problem.ts';
import type { StreamAnswer } from '../answer.ts';
import type { Framing } from './framing.ts';
import { AT_ONCE, pumpLive } from './live.ts';
import type { Sink } from './sink.ts';
import { waitsForPerson } from './suspension.ts';

export interface StreamDeps {
  readonly db: Database;
  readonly recentRows: RecentRows;
  readonly keepAliveMs?: number;
  readonly pollMs?: number;
}

export interface StreamOptions {
  scope: Scope;
  head: LogHead;
  /** The seq of the last row that the reader has. */
  after: number;
  framing: Framing;
  /** Ends the stream when the execution waits for a person, too. */
  untilSuspended: boolean;
  headers?: Record<string, string>;
  /** Chunks without a number that come before the rows. */
  opening?: readonly object[];
  /** Ends with `finish` even where the log does not: there are clients that go on asking until they read one. */
  alwaysFinishes?: boolean;
}

/**
 * The log of an execution as an answer: replay, then live, until its final row.
 * @throws Problem log-expired
 */
export function streamExecution(deps: StreamDeps, options: StreamOptions): StreamAnswer {
  const { head, after, framing } = options;
  refuseExpired(head, after);
  return {
    kind: 'stream',
    status: 200,
    headers: { ...streamHeaders(head), 'content-type': framing.contentType, ...options.headers },
    pump: (sink) => pump(deps, options, sink),
  };
}

/** @throws Problem log-expired when there are rows after the cursor that retention has removed. */
export function refuseExpired(head: LogHead, after: number): void {
  if (head.expired && after < head.lastSeq) throw logExpired(head);
}

function logExpired({ messageUrl }: LogHead): Problem {
  return new Problem('log-expired', 'The rows of this log were removed; its message is kept', {
    extra: { messageUrl },
  });
}

/** What every answer about a stream carries, with or without a body. */
export function streamHeaders(head: LogHead): Record<string, string> {
  return {
    ...AT_ONCE,
    'x-vercel-ai-ui-message-stream': 'v1',
    'x-execution-id': head.executionId,
    'x-workflow-run-id': head.executionId,
    'x-execution-status': head.status,
    'x-stream-tail': String(head.lastSeq),
    'x-workflow-stream-tail-index': String(head.lastSeq - 1),
  };
}

async function pump(deps: StreamDeps, options: StreamOptions, sink: Sink): Promise<void> {
  const { head, after, framing, opening = [] } = options;
  const beginning = framing.opening + opening.map((chunk) => framing.unnumbered(chunk)).join('');
  if (head.final && after === head.lastSeq) return sink.write(beginning + endOf(options));
  try {
    const end = await pumpLog(deps, options, beginning, sink);
    if (!sink.signal.aborted) await sink.write(end);
  } catch (error) {
    if (error instanceof LogGone) throw logExpired(head);
    throw error;
  }
}

/** Writes the log, a stretch at a time. @returns what tells the client that this was all */
async function pumpLog(
  deps: StreamDeps,
  options: StreamOptions,
  opening: string,
  sink: Sink,
): Promise<string> {
  const { scope, head, after, framing, untilSuspended } = options;
  let isSuspended = false;
  let lastChunk: string | undefined;
  const isEnough = async (cursor: number) => {
    isSuspended = await waitsForPerson(deps.db, scope, head.executionId, cursor);
    return isSuspended;
  };
  const log = readLog(deps.db, deps.recentRows, head.executionNo, {
    after,
    signal: sink.signal,
    ...(untilSuspended ? { isEnough } : {}),
    ...(deps.pollMs === undefined ? {} : { pollMs: deps.pollMs }),
  });
  await pumpLive(sink, {
    opening,
    items: log,
    frame: (stretch) => {
      lastChunk = stretch.lastChunk;
      return framing.rows(stretch);
    },
    keepAlive: framing.keepAlive,
    keepAliveMs: deps.keepAliveMs,
  });
  if (isSuspended) return framing.unnumbered(SUSPENSION) + framing.done;
  return endOf(options, lastChunk);
}

const SUSPENSION = { type: 'finish', finishReason: 'tool-calls' };

/** What tells the client that this was all, by the last chunk that it was given. */
function endOf({ framing, alwaysFinishes = false }: StreamOptions, lastChunk?: string): string {
  const isMissing = lastChunk === undefined || lastChunk.startsWith('{"type":"abort"');
  return (alwaysFinishes && isMissing ? framing.unnumbered({ type: 'finish' }) : '') + framing.done;
}
