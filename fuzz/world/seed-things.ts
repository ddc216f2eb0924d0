import { ask } from '../../tests/http/client.ts';
import type { FuzzServer } from './fuzz-server.ts';

type Headers = Record<string, string>;

const LISTS = [
  '/executions?limit=20',
  '/threads?limit=20',
  '/approvals?limit=20',
  '/approvals?status=approved&status=denied&status=answered&status=cancelled&limit=20',
  '/notifications?limit=20',
  '/agents',
  '/executions?limit=1',
];
const STARTS = [
  { agentId: 'assistant', input: 'say hello' },
  { agentId: 'assistant', input: 'call add {"a": 1, "b": 2}\n---\nsay done' },
  { agentId: 'assistant', input: 'stream 100 40' },
  { agentId: 'assistant', input: 'hang' },
  { agentId: 'assistant', input: 'fail interrupted' },
  { agentId: 'operator', input: 'call refund_order {"orderId": "o1", "amount": 1}\n---\nsay done' },
  { agentId: 'operator', input: 'call ask_person {"question": "which?"}\n---\nsay done' },
];
const SETTLE_MS = 1500;

/**
 * Makes what requests can lead to, done, running and waiting, for everybody who may, and learns its ids. Some of it
 * is deleted by what comes after, so that it is made again from time to time.
 */
export async function seedThings(server: FuzzServer, round: number): Promise<void> {
  const callers = [...server.callers].filter(([caller]) => caller !== 'nobody');
  await Promise.all(callers.map(([caller, headers]) => seedFor(server, headers, `${caller}-${round}`)));
}

async function seedFor(server: FuzzServer, headers: Headers, prefix: string): Promise<void> {
  for (const [i, start] of STARTS.entries()) {
    const threadId = `${prefix}-${i}`;
    const answer = await ask(server.url, '/executions', { headers, body: { ...start, threadId } });
    if (answer.status !== 202) throw new Error(`It cannot be begun: ${answer.status} ${answer.text}`);
    const { id } = answer.json()['execution'] as { id: string };
    // Those that have no end are left at once.
    const patience = /hang|stream/.test(start.input) ? 0 : SETTLE_MS;
    await ask(server.url, `/executions/${id}/wait?timeoutMs=${patience}`, { headers });
    await learn(server, headers, `/threads/${threadId}/messages`);
  }
  for (const path of LISTS) await learn(server, headers, path);
}

async function learn(server: FuzzServer, headers: Headers, path: string): Promise<void> {
  const answer = await ask(server.url, path, { headers });
  if (answer.status === 200) server.things.learn(path, answer.json());
}
