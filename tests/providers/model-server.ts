import { expect } from '@jest/globals';
import { start } from '../http/client.ts';
import { type ExecutionRecord, expectSound, readRecord } from '../support/execution-record.ts';
import {
  type FakeOpenAi,
  faultsOf,
  type ModelRequest,
  type Reply,
  startFakeOpenAi,
} from '../support/fake-openai.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';

/** Must never show up anywhere; fake servers quote it in their errors. */
export const API_KEY = 'sk-live-never-to-be-seen';

/** A real server whose agents use a model server of ours, over the real provider package. */
export interface ModelServer {
  readonly fake: FakeOpenAi;
  readonly server: TestServer;
  /** Starts an execution whose model answers so, and waits for its end. */
  run(agentId: string, replies: Reply[], threadId?: string): Promise<Answered>;
  dispose(): Promise<void>;
}

export interface Answered {
  record: ExecutionRecord;
  requests: ModelRequest[];
  /** Types of the chunks in the log. */
  types: string[];
  /** The texts of the message. */
  text: string;
}

export async function startModelServer(): Promise<ModelServer> {
  const fake = await startFakeOpenAi();
  const server = await startServer({
    env: {
      OUTLAST_MODEL_BASE_URL: fake.url,
      OUTLAST_MODEL_API_KEY: API_KEY,
      OUTLAST_MODEL: 'compatible:test',
      OUTLAST_AGENTS_DIR: 'tests/providers/fixtures',
      LOG_LEVEL: 'trace',
    },
  });
  let count = 0;
  return {
    fake,
    server,
    run: async (agentId, replies, threadId) => {
      const input = `question ${++count}`;
      fake.answer(input, ...replies);
      const body = { agentId, input, ...(threadId === undefined ? {} : { threadId }) };
      const { id } = await start(server.url, body);
      const record = await finished(server, id);
      await expectSound(record);
      const requests = fake.requests(input);
      expect(requests.map(({ messages }) => faultsOf(messages))).toEqual(requests.map(() => []));
      return { record, requests, types: record.log.map(({ chunk }) => chunk.type), text: textOf(record) };
    },
    dispose: async () => {
      await server.dispose();
      await fake.close();
    },
  };
}

function finished(server: TestServer, id: string): Promise<ExecutionRecord> {
  return waitFor(
    async () => {
      const record = await readRecord(server.databaseUrl, id);
      return record !== undefined && ['completed', 'failed'].includes(record.status) ? record : undefined;
    },
    { deadlineMs: 20_000, describe: () => `the end of ${id}` },
  );
}

/** The texts of the message in one. */
export function textOf({ message }: ExecutionRecord): string {
  const parts = (message?.parts ?? []) as { type: string; text?: string }[];
  return parts.flatMap(({ type, text }) => (type === 'text' && text !== undefined ? [text] : [])).join('');
}
