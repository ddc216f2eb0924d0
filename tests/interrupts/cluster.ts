import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { type Answer, ask, start } from '../http/client.ts';
import { type ExecutionRecord, expectSound, readRecord } from '../support/execution-record.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { StreamReader } from '../support/stream-reader.ts';
import { waitFor } from '../support/wait-for.ts';

/** What a server runs, and what the model and the tools of the agent `patient` have told in its process. */
export interface Happened {
  what: 'model' | 'tool' | 'called';
  reason: string | null;
  at: number;
}

/** Two processes on one database: one that runs executions, and one that only answers. */
export interface Cluster {
  readonly owner: TestServer;
  readonly other: TestServer;
  dispose(): Promise<void>;
}

export const AGENTS = { OUTLAST_AGENTS_DIR: 'tests/interrupts/fixtures' };

export async function startCluster(
  env: Record<string, string> = {},
  otherArgs: string[] = [],
): Promise<Cluster> {
  const database = await createTestDatabase();
  const owner = await startServer({ databaseUrl: database.url, env: { ...AGENTS, ...env } });
  const other = await startServer({
    databaseUrl: database.url,
    env: { ...AGENTS, ...env, OUTLAST_ROLE: 'api' },
    nodeArgs: otherArgs,
  });
  const dispose = async () => {
    owner.signal('SIGCONT');
    await Promise.all([owner.dispose(), other.dispose()]);
    await database.drop();
  };
  return { owner, other, dispose };
}

/** An execution that runs, and readers of it on both processes. */
export class Watched {
  readonly id: string;
  readonly readers: readonly StreamReader[];
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, id: string, watchOwner = true) {
    this.id = id;
    this.#cluster = cluster;
    this.readers = (watchOwner ? [cluster.owner, cluster.other] : [cluster.other]).map(
      ({ url }) => new StreamReader(url, id),
    );
  }

  static async start(
    cluster: Cluster,
    input: string,
    threadId?: string,
    watchOwner = true,
  ): Promise<Watched> {
    const { id } = await start(cluster.owner.url, {
      agentId: 'patient',
      input,
      ...(threadId && { threadId }),
    });
    return new Watched(cluster, id, watchOwner);
  }

  /** Resolves when every reader has seen this. */
  async seen(what: RegExp): Promise<void> {
    const isSeen = () => this.readers.every(({ events }) => events.some(({ data }) => what.test(data)));
    await waitFor(isSeen, { describe: () => `${what}\n${this.#cluster.owner.log()}` });
  }

  /** Resolves when the execution is in this status. */
  async is(status: string): Promise<void> {
    const path = `/executions/${this.id}`;
    const isSo = async () => (await ask(this.#cluster.other.url, path)).json()['status'] === status;
    await waitFor(isSo, { describe: () => `${status}\n${this.#cluster.owner.log()}` });
  }

  /** Cancels it at the process that does not run it. */
  cancel(body: object = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return ask(this.#cluster.other.url, `/executions/${this.id}/cancel`, { body, headers });
  }

  /** What is stored: sound, and the same as what each reader was given. */
  async soundEnd(): Promise<ExecutionRecord> {
    await waitFor(() => this.readers.every(({ isDone }) => isDone), { describe: 'the end of the streams' });
    const record = (await this.stored()) as ExecutionRecord;
    await expectSound(record);
    const events = record.log.map(({ seq, bytes }) => ({ id: String(seq), data: bytes }));
    for (const reader of this.readers) expect(reader.events).toEqual(events);
    return record;
  }

  stored(): Promise<ExecutionRecord | undefined> {
    return readRecord(this.#cluster.owner.databaseUrl, this.id);
  }

  close(): void {
    for (const reader of this.readers) reader.close();
  }
}

/** What happened in a process so far. */
export async function happenedIn({ dataDir }: TestServer): Promise<Happened[]> {
  const text = await readFile(join(dataDir, 'interrupts.jsonl'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Happened);
}

export async function waitForHappening(
  server: TestServer,
  what: Happened['what'],
  since = 0,
): Promise<Happened> {
  const find = async () => (await happenedIn(server)).slice(since).find((each) => each.what === what);
  return waitFor(find, { describe: () => `${what}\n${server.log()}` });
}

/** Resolves when a process holds no execution any more. */
export async function waitForIdle(server: TestServer): Promise<void> {
  const isIdle = async () =>
    (await ask(server.url, '/metrics')).text.includes('\noutlast_worker_executions 0\n');
  await waitFor(isIdle, { describe: () => `nothing to be held\n${server.log()}` });
}

/** A quiet end is no fault. */
export function expectNoErrors(server: TestServer): void {
  const errors = server
    .log()
    .split('\n')
    .filter((line) => /"level":(50|60)/.test(line));
  expect(errors).toEqual([]);
}
