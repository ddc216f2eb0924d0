import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import pg from 'pg';
import { type Chunk, validateChunk } from '../../src/chunks/chunk.ts';
import { foldChunks } from '../../src/chunks/fold.ts';
import { type LogRow, linesAfter } from '../../src/chunks/row.ts';
import { type ExecutionStatus, isFinalStatus } from '../../src/executions/status.ts';

export interface LoggedLine {
  seq: number;
  attempt: number;
  turn: number;
  chunk: Chunk;
  bytes: string;
}

/** Everything that the tables say about one execution. */
export interface ExecutionRecord {
  id: string;
  status: ExecutionStatus;
  attempt: number;
  lastSeq: number | null;
  errorCode: string | null;
  errorDetail: string | null;
  usage: unknown;
  messageId: string;
  log: LoggedLine[];
  message: { status: string; parts: unknown[] } | undefined;
  attempts: {
    attempt: number;
    segment: number;
    startedAt: Date;
    endedAt: Date | null;
    endReason: string | null;
  }[];
  turns: {
    turn: number;
    failures: { code: string; detail: string; retryInMs: number | null }[];
    finishReason: string | null;
  }[];
  calls: { toolCallId: string; toolName: string; status: string; errorCode: string | null }[];
}

const EXECUTION = `
SELECT id, no::int, status, attempt, last_seq AS "lastSeq", error_code AS "errorCode", error_detail AS "errorDetail",
       usage, message_id AS "messageId", thread_no AS "threadNo"
FROM outlast.workflow_executions WHERE id = $1`;
const LOG =
  'SELECT seq, n, attempt, turn, chunks FROM outlast.stream_chunks WHERE execution_no = $1 ORDER BY seq';
const MESSAGE =
  "SELECT status, parts FROM outlast.messages WHERE thread_no = $1 AND role = 'assistant' AND id = $2";
const ATTEMPTS = `SELECT attempt, segment, started_at AS "startedAt", ended_at AS "endedAt", end_reason AS "endReason"
  FROM outlast.execution_attempts WHERE execution_id = $1 ORDER BY attempt`;
const TURNS = `SELECT turn, failures, finish_reason AS "finishReason"
  FROM outlast.execution_turns WHERE execution_id = $1 ORDER BY turn`;
const CALLS = `SELECT tool_call_id AS "toolCallId", tool_name AS "toolName", status, error_code AS "errorCode"
  FROM outlast.tool_calls WHERE execution_id = $1 ORDER BY turn, position`;

/** What is stored of an execution; undefined when there is none. */
export async function readRecord(
  databaseUrl: string,
  executionId: string,
): Promise<ExecutionRecord | undefined> {
  return withClient(databaseUrl, async (client) => {
    const all = async (sql: string, ...values: unknown[]) =>
      (await client.query(sql, values)).rows as unknown[];
    type Head = Omit<ExecutionRecord, 'log' | 'message'> & { no: number; threadNo: string };
    const [head] = (await all(EXECUTION, executionId)) as Head[];
    if (head === undefined) return undefined;
    const { no, threadNo, ...execution } = head;
    return {
      ...execution,
      log: linesAfter((await all(LOG, no)) as LogRow[], 0).map(parseLine),
      message: (await all(MESSAGE, threadNo, head.messageId))[0] as ExecutionRecord['message'],
      attempts: (await all(ATTEMPTS, executionId)) as ExecutionRecord['attempts'],
      turns: (await all(TURNS, executionId)) as ExecutionRecord['turns'],
      calls: (await all(CALLS, executionId)) as ExecutionRecord['calls'],
    };
  });
}

/** Runs statements on a connection of their own. */
export async function withClient<T>(
  databaseUrl: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  return work(client).finally(() => client.end());
}

function parseLine({
  chunk,
  ...line
}: {
  seq: number;
  attempt: number;
  turn: number;
  chunk: string;
}): LoggedLine {
  return { ...line, chunk: JSON.parse(chunk) as Chunk, bytes: chunk };
}

/** Holds a final execution to all that is promised of every log, whatever happened on its way (L1, L5, L6, E2). */
export async function expectSound(record: ExecutionRecord): Promise<void> {
  const { log, message } = record;
  expect(isFinalStatus(record.status)).toBe(true);
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, i) => i + 1));
  expect(record.lastSeq).toBe(log.length);
  expect(log[0]?.chunk).toEqual({
    type: 'start',
    messageId: record.messageId,
    messageMetadata: { executionId: record.id },
  });
  const finals = log.filter(({ chunk }) => ['finish', 'abort', 'error'].includes(chunk.type));
  expect(finals).toEqual([log.at(-1)]);
  expectFramedTurns(log);
  expectRising(log.map(({ attempt }) => attempt));
  for (const { chunk } of log) await validateChunk(chunk);
  const chunks = log.map(({ chunk }) => chunk);
  const folded = await foldChunks(chunks, record.messageId);
  expect(message?.parts).toEqual(JSON.parse(JSON.stringify(folded.parts)));
  expect(message?.status).toBe(record.status === 'completed' ? 'complete' : 'partial');
  expect(openParts(message?.parts ?? [])).toEqual([]);
  expect(record.attempts.filter(({ endReason }) => endReason === null)).toEqual([]);
}

/** Each turn begins with one `start-step`; what an earlier try streamed is superseded by `reset-step` only. */
function expectFramedTurns(log: readonly LoggedLine[]): void {
  const starts = log.filter(({ chunk }) => chunk.type === 'start-step').map(({ turn }) => turn);
  expect(starts).toEqual(starts.map((_, i) => i + 1));
  for (const { turn, seq } of log.filter(({ chunk }) => chunk.type === 'reset-step')) {
    const start = log.find((line) => line.turn === turn && line.chunk.type === 'start-step');
    expect(start?.seq).toBeLessThan(seq);
  }
}

function expectRising(numbers: number[]): void {
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
}

const DONE_STATES = new Set(['done', 'output-available', 'output-error', 'output-denied']);

function openParts(parts: readonly unknown[]): unknown[] {
  return parts.filter((part) => {
    const { state } = part as { state?: string };
    return state !== undefined && !DONE_STATES.has(state);
  });
}

/** The lines of the effects file that are this execution's. */
export async function readEffects(
  dataDir: string,
  executionId: string,
): Promise<{ tool: string; idempotencyKey: string; attempt: number }[]> {
  const text = await readFile(join(dataDir, 'effects.jsonl'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { tool: string; idempotencyKey: string; attempt: number })
    .filter(({ idempotencyKey }) => idempotencyKey.startsWith(`${executionId}:`));
}
