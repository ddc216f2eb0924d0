import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ask, start } from '../http/client.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server.dispose());

test('what waits for its thread is started by the end of the one before it, and by no healer', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 3; i += 1)
    ids.push((await start(server.url, { threadId: 't', input: 'say hello' })).id);
  for (const id of ids) {
    const execution = (await ask(server.url, `/executions/${id}/wait`)).json();
    expect(execution).toMatchObject({ status: 'completed', segment: 1, attempt: 1 });
  }
});
