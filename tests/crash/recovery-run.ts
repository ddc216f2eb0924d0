import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect } from '@jest/globals';
import { start } from '../http/client.ts';
import { denyPending } from '../support/deny-pending.ts';
import {
  type ExecutionRecord,
  expectSound,
  readEffects,
  readRecord,
  withClient,
} from '../support/execution-record.ts';
import type { KillPoint } from '../support/kill-points.ts';
import { startServer, type TestServer, type TestServerOptions } from '../support/server.ts';
import { readWholeStream, type StreamEvent, StreamReader } from '../support/stream-reader.ts';
import { waitFor } from '../support/wait-for.ts';

/** Reasoning, text, three tools side by side (one of them must not be called twice), then all of it again. */
export const SCRIPT = [
  'think First the order and the report',
  'stream 10 9',
  'call slow_report {"seconds":0.08,"name":"march"}',
  'call lookup_order {"orderId":"A-1"}',
  'call send_email {"to":"ann@example.com","subject":"Hello","body":"The report comes"}',
  '---',
  'think Now all of it is there',
  'stream 10 9',
].join('\n');

/** Starts a server that can be told at which moment to kill itself. */
export function startKillable(options: TestServerOptions = {}): Promise<TestServer> {
  return startServer({ ...options, nodeArgs: ['--import', './tests/support/kill-points.ts'] });
}

/** From here on the server dies when it comes to this point. */
export async function arm(server: Pick<TestServer, 'dataDir'>, point: KillPoint): Promise<void> {
  await writeFile(join(server.dataDir, 'kill-point.json'), JSON.stringify(point));
}

const readers = new Set<StreamReader>();

afterAll(() => {
  for (const reader of readers) reader.close();
});

/** One execution with a reader that follows it from its start, over every death of the server. */
export class FollowedExecution {
  readonly #server: TestServer;
  readonly #databaseUrl: string;
  readonly #threadId = randomUUID();
  #id: string | undefined;
  #reader: StreamReader | undefined;

  /** @param databaseUrl of a server that brings its own Postgres */
  constructor(server: TestServer, databaseUrl = server.databaseUrl) {
    this.#server = server;
    this.#databaseUrl = databaseUrl;
  }

  get id(): string {
    if (this.#id === undefined) throw new Error('The execution was not accepted');
    return this.#id;
  }

  /** Asks for the execution. The server may die before it answers: whether it was accepted, the table tells. */
  async start(script: string, onEvent?: (event: StreamEvent) => void): Promise<void> {
    const body = { agentId: 'operator', threadId: this.#threadId, input: script };
    const accepted = await start(this.#server.url, body).catch(() => undefined);
    this.#id = accepted?.id;
    if (this.#id !== undefined) this.#read(onEvent);
  }

  /** Resolves when the log is read to its end, and gives what is stored by then. Whoever is asked on the way denies. */
  async finished(deadlineMs = 15_000): Promise<ExecutionRecord> {
    this.#id ??= await this.#findId();
    const reader = this.#reader ?? this.#read();
    const { id } = this;
    const isOver = async () => {
      await denyPending(this.#server.url, this.#databaseUrl, id).catch(() => undefined);
      return reader.isDone;
    };
    await waitFor(isOver, {
      deadlineMs,
      describe: () => `the end of ${this.id}\n${this.#server.log()}`,
    });
    const record = await this.record();
    if (record === undefined) throw new Error(`Execution ${this.id} is gone`);
    return record;
  }

  record(): Promise<ExecutionRecord | undefined> {
    return readRecord(this.#databaseUrl, this.id);
  }

  /** Everything that holds for every execution, however often its server died. */
  async expectUnharmed(record: ExecutionRecord): Promise<void> {
    expect(record.status).toBe('completed');
    await expectSound(record);
    const stored = record.log.map(({ seq, bytes }) => ({ id: String(seq), data: bytes }));
    expect(this.#reader?.events).toEqual(stored);
    expect(await readWholeStream(this.#server.url, this.id)).toEqual(stored);
    const reports = (await readEffects(this.#server.dataDir, this.id)).filter(
      ({ tool }) => tool === 'slow_report',
    );
    expect(reports.length).toBeLessThanOrEqual(1);
    const report = record.calls.find(({ toolName }) => toolName === 'slow_report');
    if (report?.status === 'completed') expect(reports.length).toBe(1);
  }

  #read(onEvent?: (event: StreamEvent) => void): StreamReader {
    const reader = new StreamReader(this.#server.url, this.id, onEvent);
    this.#reader = reader;
    readers.add(reader);
    return reader;
  }

  #findId(): Promise<string> {
    return withClient(this.#databaseUrl, async (client) => {
      const { rows } = await client.query<{ id: string }>(
        `SELECT e.id FROM outlast.workflow_executions e JOIN outlast.threads t ON t.no = e.thread_no WHERE t.id = $1`,
        [this.#threadId],
      );
      if (rows[0] === undefined) throw new Error('The execution was lost');
      return rows[0].id;
    });
  }
}

/** Calls once when the reader has seen something in this turn. */
export function whenSeen(turn: number, sees: RegExp, then: () => void): (event: StreamEvent) => void {
  let steps = 0;
  let isOver = false;
  return ({ data }) => {
    if (data.includes('"start-step"')) steps += 1;
    if (isOver || steps !== turn || !sees.test(data)) return;
    isOver = true;
    then();
  };
}

/** How many attempts ended in this way. */
export function endings(record: ExecutionRecord | undefined, reason: string): number {
  return (record?.attempts ?? []).filter(({ endReason }) => endReason === reason).length;
}

/** Waits for the process to die by itself. */
export async function expectDeath(
  server: { exited(): Promise<unknown>; log(): string },
  deadlineMs = 10_000,
): Promise<void> {
  let isGone = false;
  const watch = async () => {
    await server.exited();
    isGone = true;
  };
  void watch();
  await waitFor(() => isGone, { deadlineMs, describe: () => `the death of the server\n${server.log()}` });
}

/** The parts of the message, the outcome of a report that nobody knew left open. */
export function comparableParts({ message, calls }: ExecutionRecord): unknown[] {
  const unknown = new Set(
    calls.filter(({ status }) => status === 'denied').map(({ toolCallId }) => toolCallId),
  );
  return (message?.parts ?? []).map((part) => {
    const { toolCallId, type, input } = part as { toolCallId?: string; type: string; input?: unknown };
    return toolCallId !== undefined && unknown.has(toolCallId)
      ? { type, toolCallId, input, unknown: true }
      : part;
  });
}

/** What the message would be if the report's outcome were not known either. */
export function withUnknownReport(parts: readonly unknown[]): unknown[] {
  return parts.map((part) => {
    const { toolCallId, type, input } = part as { toolCallId?: string; type: string; input?: unknown };
    return type === 'tool-slow_report' ? { type, toolCallId, input, unknown: true } : part;
  });
}
