import { Agent, request } from 'node:http';
import { uuidv7 } from 'uuidv7';
import { AUTH_ENV, asUser, nowSeconds } from '../../tests/auth/tokens.ts';
import { settled, startAs, startRefundAs } from '../../tests/auth/world.ts';
import { ask } from '../../tests/http/client.ts';
import { startServer } from '../../tests/support/server.ts';
import { waitFor } from '../../tests/support/wait-for.ts';
import type { BenchContext, Findings, Scenario } from '../report/scenario.ts';
import { percentile } from '../stats/percentile.ts';
import { type StrangersRequest, strangersRequests } from './requests.ts';

const WARM_UP = 30;
const MEASURED = 200;
const LIMIT_MS = 2;
const ENV = {
  ...AUTH_ENV,
  OUTLAST_RATE_LIMIT: '0',
  OUTLAST_JWT_ROLE_SCOPES: 'operator=admin',
  OUTLAST_NOTIFY_URL: 'http://127.0.0.1:9/',
  OUTLAST_NOTIFY_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}`,
};

/** Whether the time that an answer takes tells a stranger that a thing exists. */
export const strangers: Scenario = { name: 'strangers', measure };

interface Medians {
  name: string;
  foreign: number;
  missing: number;
}

async function measure({ progress, defer }: BenchContext): Promise<Findings> {
  const server = await startServer({ env: ENV });
  defer(() => server.dispose());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  defer(() => agent.destroy());
  const exp = nowSeconds() + 3600;
  const things = await makeThings(server.url, asUser({ exp, roles: ['operator'] }));
  const stranger = asUser({ exp, sub: 'bob', roles: ['operator'] });
  const measured: Medians[] = [];
  for (const one of await strangersRequests(server.url, things)) {
    const first = await measureOne(agent, server.url, stranger, one);
    // Of a real difference the second round tells, too.
    const isNear = differenceOf(first) <= LIMIT_MS;
    measured.push(isNear ? first : await measureOne(agent, server.url, stranger, one));
    progress(`${one.name}: ${differenceOf(measured.at(-1) as Medians).toFixed(2)} ms`);
  }
  return describe(measured);
}

/** What ann has, by what its id is called in paths. */
async function makeThings(url: string, ann: Record<string, string>): Promise<Record<string, string>> {
  const threadId = uuidv7();
  const done = await startAs(url, ann, { input: 'say hello', threadId });
  const { messageId } = await settled(url, ann, done.id);
  const refund = await startRefundAs(url, ann, uuidv7());
  const approval = await ask(url, `/approvals/${refund.approvalId}`, { headers: ann });
  const notificationId = await waitFor(
    async () =>
      (await ask(url, '/notifications', { headers: ann })).json().data[0]?.['id'] as string | undefined,
    { describe: 'a notification' },
  );
  const automation = await ask(url, '/automations', {
    headers: ann,
    body: { name: 'a', agentId: 'assistant', input: 'say x', trigger: { type: 'event', name: 'e' } },
  });
  return {
    executionId: refund.executionId,
    automationId: String(automation.json()['id']),
    threadId,
    messageId: String(messageId),
    approvalId: refund.approvalId,
    toolCallId: String(approval.json()['toolCallId']),
    notificationId,
  };
}

/** Both kinds in turns, the order of each turn by chance, so that what else goes on hits both. */
async function measureOne(
  agent: Agent,
  url: string,
  headers: Record<string, string>,
  one: StrangersRequest,
): Promise<Medians> {
  const times: Record<'foreign' | 'missing', number[]> = { foreign: [], missing: [] };
  for (let i = 0; i < WARM_UP + MEASURED; i++) {
    const kinds = Math.random() < 0.5 ? (['foreign', 'missing'] as const) : (['missing', 'foreign'] as const);
    for (const kind of kinds) {
      const id = kind === 'foreign' ? one.foreignId : uuidv7();
      const took = await timeOf(agent, `${url}${one.pathTo(id)}`, headers, one);
      if (i >= WARM_UP) times[kind].push(took);
    }
  }
  return { name: one.name, foreign: percentile(times.foreign, 0.5), missing: percentile(times.missing, 0.5) };
}

/** Milliseconds from the request to the end of its answer. @throws Error when it is let in */
function timeOf(
  agent: Agent,
  url: string,
  headers: Record<string, string>,
  { method, body }: StrangersRequest,
): Promise<number> {
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const before = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers: { ...headers, ...type } }, (response) => {
      const { statusCode } = response;
      if (statusCode !== 404 && statusCode !== 204)
        reject(new Error(`${method} ${url} is answered with ${statusCode}: does its body fit?`));
      response
        .on('error', reject)
        .on('end', () => resolve(performance.now() - before))
        .resume();
    });
    sent.on('error', reject).end(body);
  });
}

function differenceOf({ foreign, missing }: Medians): number {
  return Math.abs(foreign - missing);
}

function describe(measured: readonly Medians[]): Findings {
  const lines = measured.map((medians) => ({
    name: medians.name,
    numbers: { foreign: medians.foreign, missing: medians.missing, difference: differenceOf(medians) },
  }));
  return {
    title: 'What strangers learn from the time that an answer takes',
    how:
      `${MEASURED} requests of a user for what belongs to another, and as many for what does not exist, in turns ` +
      'whose order is by chance, on every route that leads to a thing. A route that differs by more than the goal is ' +
      'measured a second time, which then counts.',
    tables: [{ caption: 'Median milliseconds at the client', lines }],
    goals: [
      {
        what: 'largest difference of the medians',
        actual: Math.max(...measured.map(differenceOf)),
        must: 'be at most',
        limit: LIMIT_MS,
        unit: 'ms',
      },
    ],
  };
}
