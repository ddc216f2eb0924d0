import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startServer, type TestServer } from '../support/server.ts';
import { ask, run } from './client.ts';

describe('a retry', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer({ env: { OUTLAST_AGENTS_DIR: 'tests/http/agents' } });
  });
  afterAll(() => server.dispose());

  /** An execution that fails; the model answers when it is asked once more. */
  async function failedExecution(threadId: string): Promise<string> {
    const { id, status } = await run(server.url, { threadId, input: `say in ${threadId}\nfail error 1` });
    expect(status).toBe('failed');
    return id;
  }

  test('answers the same message again; the failed answer leaves the history and keeps its log', async () => {
    const threadId = 'retried';
    await run(server.url, { threadId, input: 'say first' });
    const failed = await failedExecution(threadId);
    const retried = await ask(server.url, `/executions/${failed}/retry`, { method: 'POST' });
    expect(retried.status).toBe(202);
    const { execution } = retried.json() as unknown as { execution: Record<string, unknown> };
    expect(execution).toMatchObject({ retryOf: failed, status: 'queued', threadId, ordinal: 3 });
    const done = await ask(server.url, `/executions/${String(execution['id'])}/wait`);
    const original = (await ask(server.url, `/executions/${failed}`)).json();
    expect(done.json()).toMatchObject({
      status: 'completed',
      inputMessageId: original['inputMessageId'],
      input: original['input'],
    });
    const { data } = (await ask(server.url, `/threads/${threadId}/messages`)).json();
    expect(
      data.map(({ role, metadata }) => [role, (metadata as Record<string, unknown>)['executionId']]),
    ).toEqual([
      ['user', expect.any(String)],
      ['assistant', expect.any(String)],
      ['user', failed],
      ['assistant', execution['id']],
    ]);
    expect((await ask(server.url, `/executions/${failed}/chunks`)).json().data.at(-1)).toMatchObject({
      chunk: { type: 'error' },
    });
  });

  test('is refused for what has not failed, and for what is not the last', async () => {
    const { id } = await run(server.url, { threadId: 'good', input: 'say hello' });
    const refused = await ask(server.url, `/executions/${id}/retry`, { method: 'POST' });
    expect([refused.status, refused.json()['code']]).toEqual([409, 'not-retryable']);
    const failed = await failedExecution('moved-on');
    await run(server.url, { threadId: 'moved-on', input: 'say later' });
    const late = await ask(server.url, `/executions/${failed}/retry`, { method: 'POST' });
    expect([late.status, late.json()['code']]).toEqual([409, 'not-last']);
  });

  test('twice at once makes one execution', async () => {
    const failed = await failedExecution('raced');
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => ask(server.url, `/executions/${failed}/retry`, { method: 'POST' })),
    );
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([202, 409, 409, 409, 409]);
  });
});
