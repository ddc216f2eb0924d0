import { createApiKey, type NewApiKey } from '../../src/auth/create-api-key.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { type Answer, ask } from '../http/client.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { AUTH_ENV } from './tokens.ts';

type Headers = Record<string, string>;

/** A server that asks who it is, and its database. */
export interface AuthWorld {
  server: TestServer;
  db: Database;
  /** Makes a key of tenant acme that may do everything and sees all of it, but for what is said. */
  makeKey(fields?: Partial<NewApiKey>): Promise<{ id: string; headers: { 'x-api-key': string } }>;
  dispose(): Promise<void>;
}

export async function startAuthWorld(env: Record<string, string> = {}): Promise<AuthWorld> {
  // The limits have tests of their own; others knock at the door more often than anybody would.
  const limits = { OUTLAST_RATE_LIMIT: '0', OUTLAST_RATE_LIMIT_ADDRESS: '0' };
  const server = await startServer({ env: { ...AUTH_ENV, ...limits, ...env } });
  const db = openDatabase({
    url: server.databaseUrl,
    poolSize: 2,
    idleTransactionMs: 5000,
    onError: () => undefined,
  });
  return {
    server,
    db,
    makeKey: async (fields = {}) => {
      const all: NewApiKey = {
        name: 'test',
        scopes: ['admin'],
        tenantId: 'acme',
        ownerId: null,
        expiresAt: null,
      };
      const { id, key } = await createApiKey(db.orm, { ...all, ...fields });
      return { id, headers: { 'x-api-key': key } };
    },
    dispose: async () => {
      await db.close();
      await server.dispose();
    },
  };
}

/** Starts an execution in somebody's name. @returns its JSON */
export async function startAs(
  url: string,
  headers: Headers,
  body: Record<string, unknown>,
): Promise<Record<string, unknown> & { id: string; threadId: string }> {
  const answer = await ask(url, '/executions', { headers, body: { agentId: 'assistant', ...body } });
  if (answer.status !== 202) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json()['execution'] as Record<string, unknown> & { id: string; threadId: string };
}

/** Waits until somebody's execution is final or suspended. */
export async function settled(url: string, headers: Headers, id: string): Promise<Record<string, unknown>> {
  return (await ask(url, `/executions/${id}/wait`, { headers })).json();
}

/** A refund of the example operator that waits for a person. */
export async function startRefundAs(
  url: string,
  headers: Headers,
  threadId: string,
): Promise<{ executionId: string; approvalId: string }> {
  const input = 'call refund_order {"orderId": "o1", "amount": 1}\n---\nsay done';
  const { id: executionId } = await startAs(url, headers, { agentId: 'operator', threadId, input });
  await settled(url, headers, executionId);
  const approvalId = await waitFor(
    async () => {
      const list = await ask(url, `/approvals?executionId=${executionId}`, { headers });
      return list.json().data[0]?.['id'] as string | undefined;
    },
    { describe: 'what a person is asked' },
  );
  return { executionId, approvalId };
}

/** What two answers must not differ in: all but the moment and the ids that were asked for. */
export function comparable({ status, headers, text }: Answer, ids: readonly string[]): unknown {
  const { date: _, 'x-request-id': __, 'content-length': ___, ...rest } = headers;
  const masked = ids.reduce((masking, id) => masking.replaceAll(id, 'ID'), text);
  return { status, headers: rest, text: masked };
}
