import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { timelineEntrySchema } from '../../src/executions/timeline.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { ask, run } from './client.ts';

describe('the timeline of an execution', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.dispose());

  test('has its attempt, turns, retries and tools in the order in which they began', async () => {
    const { id } = await run(server.url, { input: 'fail http-500 1\ncall add {"a":1,"b":2}\n---\nsay done' });
    const { data } = (await ask(server.url, `/executions/${id}/timeline`)).json();
    for (const entry of data) expect(timelineEntrySchema.strict().parse(entry)).toEqual(entry);
    expect(data.map(({ kind, name, status }) => [kind, name, status])).toEqual([
      ['attempt', 'attempt 1', 'completed'],
      ['turn', 'turn 1', 'completed'],
      ['retry', 'turn 1', 'failed'],
      ['tool', 'add', 'completed'],
      ['turn', 'turn 2', 'completed'],
    ]);
    expect(data[1]?.['detail']).toMatchObject({
      model: 'demo:scripted',
      finishReason: 'tool-calls',
      usage: {},
    });
    expect(data[2]?.['detail']).toMatchObject({ turn: 1, code: expect.any(String) });
    const times = data.map(({ startedAt }) => String(startedAt));
    expect(times).toEqual([...times].sort());
  });

  test('shows what goes on as not ended', async () => {
    const started = await ask(server.url, '/executions', { body: { agentId: 'assistant', input: 'hang' } });
    const id = String(started.headers['x-execution-id']);
    const stream = await fetch(`${server.url}/executions/${id}/stream`);
    // The first row is there once it runs.
    await stream.body?.getReader().read();
    const waited = await ask(server.url, `/executions/${id}/wait?timeoutMs=300`);
    expect(waited.json()).toMatchObject({ id, status: 'running' });
    const { data } = (await ask(server.url, `/executions/${id}/timeline`)).json();
    expect(data[0]).toMatchObject({ kind: 'attempt', status: 'running', endedAt: null });
  });
});
