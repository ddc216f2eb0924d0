import { Agent, request } from 'node:http';
import { createApiKey } from '../../src/auth/create-api-key.ts';
import { openDatabase } from '../../src/db/database.ts';
import { AUTH_ENV, asUser } from '../../tests/auth/tokens.ts';
import { startServer, type TestServer } from '../../tests/support/server.ts';
import type { BenchContext, Findings, Scenario } from '../report/scenario.ts';
import { percentile } from '../stats/percentile.ts';

const WARM_UP = 100;
const MEASURED = 500;

/** What it costs to be asked who one is, against a server that asks nobody. */
export const auth: Scenario = { name: 'auth', measure };

interface Caller {
  name: string;
  url: string;
  headers: Record<string, string>;
  /** A finished execution of theirs. */
  executionId: string;
  start: number[];
  stream: number[];
}

async function measure({ progress, defer }: BenchContext): Promise<Findings> {
  const open = await startServer();
  defer(() => open.dispose());
  const asking = await startServer({ env: AUTH_ENV });
  defer(() => asking.dispose());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  defer(() => agent.destroy());
  const callers = await Promise.all([
    makeCaller(agent, 'open', open, {}),
    // As many requests for either server, and what the same thing measured twice differs by.
    makeCaller(agent, 'open, again', open, {}),
    makeCaller(agent, 'API key', asking, await makeKey(asking)),
    makeCaller(agent, 'token, HS256', asking, asUser({ exp: Math.floor(Date.now() / 1000) + 3600 })),
  ]);
  progress(`${WARM_UP} + ${MEASURED} requests of each, in turns`);
  for (let i = 0; i < WARM_UP + MEASURED; i++) {
    // Whoever comes next pays for what the one before left.
    for (const caller of shuffled(callers)) await measureOnce(agent, caller, i >= WARM_UP);
  }
  return describe(callers);
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

async function makeKey(server: TestServer): Promise<Record<string, string>> {
  const db = openDatabase({
    url: server.databaseUrl,
    poolSize: 1,
    idleTransactionMs: 5000,
    onError: () => undefined,
  });
  const { key } = await createApiKey(db.orm, {
    name: 'bench',
    scopes: ['executions:write'],
    tenantId: 'acme',
    ownerId: 'bob',
    expiresAt: null,
  });
  await db.close();
  return { authorization: `Bearer ${key}` };
}

async function makeCaller(
  agent: Agent,
  name: string,
  { url }: TestServer,
  headers: Record<string, string>,
): Promise<Caller> {
  const streamed = { ...headers, accept: 'text/event-stream' };
  const executionId = await send(agent, `${url}/executions`, streamed, START);
  return { name, url, headers, executionId, start: [], stream: [] };
}

const START = JSON.stringify({ agentId: 'assistant', input: 'say hello' });

async function measureOnce(agent: Agent, caller: Caller, counts: boolean): Promise<void> {
  const { url, headers, executionId } = caller;
  const before = performance.now();
  await send(agent, `${url}/executions/${executionId}/stream`, headers);
  const between = performance.now();
  const started = await send(agent, `${url}/executions`, headers, START);
  const after = performance.now();
  // What was started runs to its end before the next is measured.
  await send(agent, `${url}/executions/${started}/wait`, headers);
  if (!counts) return;
  caller.stream.push(between - before);
  caller.start.push(after - between);
}

/** Sends a request and reads its answer to the end. @returns the execution that it is about */
function send(agent: Agent, url: string, headers: Record<string, string>, body?: string): Promise<string> {
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const method = body === undefined ? 'GET' : 'POST';
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers: { ...headers, ...type } }, (response) => {
      if ((response.statusCode ?? 500) >= 300) reject(new Error(`${method} ${url}: ${response.statusCode}`));
      response
        .on('error', reject)
        .on('end', () => resolve(String(response.headers['x-execution-id'])))
        .resume();
    });
    sent.on('error', reject).end(body);
  });
}

function describe(callers: readonly Caller[]): Findings {
  const [open, , ...asked] = callers as [Caller, Caller, ...Caller[]];
  const lines = callers.map(({ name, start, stream }) => ({
    name,
    numbers: {
      'start p50': percentile(start, 0.5),
      'start p95': percentile(start, 0.95),
      'stream p50': percentile(stream, 0.5),
      'stream p95': percentile(stream, 0.95),
    },
  }));
  const goals = asked.flatMap((caller) =>
    (['start', 'stream'] as const).map((route) => ({
      what: `${caller.name}: added to ${route}, p50`,
      actual: percentile(caller[route], 0.5) - percentile(open[route], 0.5),
      must: 'be at most' as const,
      limit: 1,
      unit: 'ms',
    })),
  );
  return {
    title: 'Being asked who one is',
    how:
      `Starting an execution (its 202) and replaying the stream of a finished one, ${MEASURED} of each in random turns, ` +
      'against a server that asks nobody and one that takes API keys and tokens.',
    tables: [{ caption: 'Milliseconds at the client', lines }],
    goals,
  };
}
