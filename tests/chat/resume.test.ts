import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ask, run } from '../http/client.ts';
import { parseEvents } from '../http/sse.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { postChat, resumeChat, userMessage } from './post-chat.ts';

let server: TestServer;
let db: pg.Client;
beforeAll(async () => {
  server = await startServer();
  db = new pg.Client(server.databaseUrl);
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await server.dispose();
});

/** As if it had ended some time ago. */
async function age(executionId: string): Promise<void> {
  const sql = `UPDATE outlast.workflow_executions SET finished_at = finished_at - interval '6 seconds' WHERE id = $1`;
  await db.query(sql, [executionId]);
}

const whole = async (executionId: string) =>
  parseEvents((await ask(server.url, `/executions/${executionId}/stream`)).text);

describe('resuming a chat', () => {
  test('gives the answer that is being written, from its first row to its end', async () => {
    const sent = postChat(server.url, { id: 'live', messages: [userMessage('l1', 'stream 30 20')] });
    const resumed = await firstResume('live');
    const posted = await sent;
    expect(resumed.status).toBe(200);
    expect(resumed.run).toBe(posted.run);
    expect(resumed.events).toEqual(posted.events);
    expect(resumed.events).toEqual(await whole(posted.run));
  });

  /** The first answer that is one: the POST may not have been accepted yet. */
  async function firstResume(id: string) {
    for (;;) {
      const resumed = await resumeChat(server.url, id);
      if (resumed.status !== 204) return resumed;
    }
  }

  test('gives one that has just ended, so that a client which missed its end gets it', async () => {
    const posted = await postChat(server.url, { id: 'ended', messages: [userMessage('e1', 'say hello')] });
    const resumed = await resumeChat(server.url, 'ended');
    expect(resumed.events).toEqual(posted.events);
    await age(posted.run);
    const later = await resumeChat(server.url, 'ended');
    expect([later.status, later.text]).toEqual([204, '']);
  });

  test('gives the same 204 for a chat that is over, one that does not exist, and what cannot be one', async () => {
    const { id } = await run(server.url, { input: 'say hello', threadId: 'over' });
    await age(id);
    const answers = await Promise.all(
      ['over', 'never-was', 'a b', 'a\0b', 'x'.repeat(500)].map((each) => resumeChat(server.url, each)),
    );
    const comparable = answers.map(({ status, text, headers }) => {
      const { date: _, 'x-request-id': __, ...rest } = headers;
      return { status, text, rest };
    });
    expect(comparable[0]).toMatchObject({ status: 204, text: '' });
    for (const each of comparable) expect(each).toEqual(comparable[0]);
  });

  test('answers a client that counts with a finish, so that it does not ask for ever', async () => {
    const { status, text, headers } = await resumeChat(server.url, 'never-was', '?startIndex=0');
    expect([status, headers['content-type']]).toEqual([200, 'text/event-stream']);
    expect(text).toBe('data: {"type":"finish"}\n\ndata: [DONE]\n\n');
  });

  test('by its run gives a stream also long after its end, from any index', async () => {
    const posted = await postChat(server.url, {
      id: 'by-run',
      messages: [userMessage('b1', 'say hello there')],
    });
    await age(posted.run);
    const rows = posted.events.length - 1;
    for (let i = 0; i < rows; i += 1) {
      const resumed = await resumeChat(server.url, posted.run, `?startIndex=${i}`);
      expect(resumed.events).toEqual(posted.events.slice(i));
    }
    const all = await resumeChat(server.url, posted.run, `?startIndex=${rows}`);
    expect(all.chunks).toEqual([{ type: 'finish' }]);
    const last = await resumeChat(server.url, posted.run, '?startIndex=-2');
    expect(last.events).toEqual(posted.events.slice(-3));
    expect(last.headers['x-workflow-stream-tail-index']).toBe(String(rows - 1));
  });

  test('while the answer waits for a person ends as the POST did', async () => {
    const script = 'call refund_order {"orderId":"o1","amount":5}';
    const posted = await postChat(server.url, { id: 'waits', messages: [userMessage('w1', script)] });
    const resumed = await resumeChat(server.url, 'waits');
    expect(resumed.events).toEqual(posted.events);
    expect(resumed.chunks.at(-1)).toEqual({ type: 'finish', finishReason: 'tool-calls' });
  });

  test('HEAD has the headers of GET', async () => {
    const get = await resumeChat(server.url, 'waits');
    const head = await ask(server.url, '/api/chat/waits/stream', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers['x-workflow-run-id']).toBe(get.headers['x-workflow-run-id']);
  });
});
