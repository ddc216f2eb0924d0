import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { APP_ROLE } from '../../src/db/app-role.ts';
import { postChat, userMessage } from '../chat/post-chat.ts';
import { ask } from '../http/client.ts';
import { waitFor } from '../support/wait-for.ts';
import { asUser } from './tokens.ts';
import { type AuthWorld, settled, startAs, startAuthWorld, startRefundAs } from './world.ts';

/** Writes down who writes what: a row for each statement's row, but for what follows from it by a foreign key. */
const OBSERVE = `
CREATE TABLE public.written (what text, by text, setting text, tenant text);
GRANT INSERT ON public.written TO PUBLIC;
CREATE FUNCTION public.observe() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.written VALUES (TG_OP || ' ' || TG_TABLE_NAME, current_user,
    current_setting('outlast.tenant_id', true), coalesce(to_json(NEW)->>'tenant_id', to_json(OLD)->>'tenant_id'));
  RETURN coalesce(NEW, OLD);
END $$;
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT relname FROM pg_class
    WHERE relnamespace = 'outlast'::regnamespace AND relkind = 'r' AND relrowsecurity LOOP
    EXECUTE format('CREATE TRIGGER observe BEFORE INSERT OR UPDATE OR DELETE ON outlast.%I
      FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION public.observe()', name);
  END LOOP;
END $$;`;

/** Before a tenant is known, for all tenants at once, or by nobody's request. */
const BY_SYSTEM = [
  // The log writer.
  'INSERT stream_chunks',
  // The claim.
  'INSERT execution_attempts',
  'UPDATE workflow_executions',
  // Who sends notifications.
  'INSERT notification_deliveries',
  'UPDATE notification_deliveries',
  'UPDATE notifications',
];

const TENANTS = ['acme', 'globex'];
let world: AuthWorld;
let url: string;

beforeAll(async () => {
  world = await startAuthWorld({
    OUTLAST_NOTIFY_URL: 'http://127.0.0.1:1/',
    OUTLAST_NOTIFY_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}`,
    OUTLAST_NOTIFY_ALLOW_PRIVATE: 'true',
    // It would add what it removes, now and then.
    MAINTENANCE_INTERVAL_MS: '600000',
  });
  url = world.server.url;
  await world.db.pool.query(OBSERVE);
  await Promise.all(TENANTS.map((org) => useAll(org)));
});
afterAll(() => world.dispose());

/** What a tenant does with a server, with the same ids as every other one. */
async function useAll(org: string): Promise<void> {
  const caller = asUser({ org });
  const post = (path: string, body: unknown, headers = {}) =>
    ask(url, path, { method: 'POST', headers: { ...caller, ...headers }, body });
  const refund = await startRefundAs(url, caller, 'refunds');
  const decided = await post(
    `/approvals/${refund.approvalId}/decision`,
    { decision: 'approve' },
    { 'idempotency-key': 'decide' },
  );
  expect(decided.status).toBe(200);
  expect(await settled(url, caller, refund.executionId)).toMatchObject({ status: 'completed' });
  expect((await post(`/executions/${refund.executionId}/fork`, { fromTurn: 2 })).status).toBe(202);
  const long = await startAs(url, caller, { threadId: 'long', input: 'stream 2000 5' });
  const waiting = await startAs(url, caller, { threadId: 'long', input: 'say after', onBusy: 'enqueue' });
  expect((await post(`/executions/${long.id}/cancel`, {})).status).toBe(202);
  expect(await settled(url, caller, waiting.id)).toMatchObject({ status: 'completed' });
  const chat = await postChat(url, { id: 'chat', messages: [userMessage('m', 'say chat')] }, caller);
  expect(chat.chunks.at(-1)).toMatchObject({ type: 'finish' });
  const lasting = await startRefundAs(url, caller, 'deleted');
  expect((await ask(url, '/threads/deleted', { method: 'DELETE', headers: caller })).status).toBe(204);
  expect((await ask(url, `/executions/${lasting.executionId}`, { headers: caller })).status).toBe(404);
}

interface Written {
  what: string;
  by: string;
  setting: string | null;
  tenant: string;
}

async function written(): Promise<Written[]> {
  return (await world.db.pool.query<Written>('SELECT DISTINCT * FROM public.written')).rows;
}

test('what is done for a tenant is done as a role that can do it for no other', async () => {
  const rows = await waitFor(
    async () => {
      const all = await written();
      return all.some(({ what }) => what === 'UPDATE notification_deliveries') ? all : undefined;
    },
    { describe: 'a notification that was sent' },
  );
  const ofApp = rows.filter(({ by }) => by === APP_ROLE);
  expect(ofApp.filter(({ setting, tenant }) => setting !== tenant)).toEqual([]);
  const [acmes, globexes] = TENANTS.map((org) =>
    ofApp.flatMap(({ what, tenant }) => (tenant === org ? what : [])).sort(),
  );
  expect(acmes).toEqual(globexes);
  expect(acmes).toEqual(
    expect.arrayContaining([
      'INSERT threads',
      'INSERT messages',
      'INSERT workflow_executions',
      'UPDATE workflow_executions',
      'INSERT stream_chunks',
      'INSERT execution_inputs',
      'INSERT execution_turns',
      'INSERT tool_calls',
      'UPDATE tool_calls',
      'UPDATE execution_attempts',
      'INSERT approvals',
      'UPDATE approvals',
      'INSERT approval_events',
      'INSERT notifications',
      'INSERT idempotency_keys',
      'INSERT deleted_logs',
      'DELETE threads',
    ]),
  );
  expect(acmes).not.toContain('INSERT execution_attempts');
});

test('what sees all tenants writes no more than it is there for', async () => {
  const bySystem = (await written()).filter(({ by }) => by !== APP_ROLE);
  expect(bySystem.filter(({ setting }) => setting !== null && setting !== '')).toEqual([]);
  expect([...new Set(bySystem.map(({ what }) => what))].filter((what) => !BY_SYSTEM.includes(what))).toEqual(
    [],
  );
});
