import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { parseConfig } from '../../src/config/config.ts';
import type { Database } from '../../src/db/database.ts';
import { removeEndedSegments } from '../../src/dbos/remove-ended-segments.ts';
import { expireLogs } from '../../src/retention/expire-logs.ts';
import { Maintenance, type MaintenanceOptions } from '../../src/retention/maintenance.ts';
import { removeAccessTokens } from '../../src/retention/remove-access-tokens.ts';
import { removeExpiredLogs } from '../../src/retention/remove-expired-logs.ts';
import { removeIdempotencyKeys } from '../../src/retention/remove-idempotency-keys.ts';
import { removeSpentChallenges } from '../../src/retention/remove-spent-challenges.ts';
import { addTo, emptyTally } from '../../src/retention/tally.ts';
import { createIn, executionOf } from '../support/executions.ts';
import { insertRunning, openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';
import { finish, insertFinal, insertTimed, pagesFrom, rowsOf, smallRows } from './logs.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url);
});

beforeEach(async () => {
  await db.pool.query('TRUNCATE outlast.threads, outlast.stream_chunks, outlast.idempotency_keys CASCADE');
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

function makeMaintenance(options: Partial<MaintenanceOptions> = {}): Maintenance {
  return new Maintenance({
    db,
    intervalMs: 20,
    chunkRetentionDays: 7,
    firingRetentionDays: 30,
    removeEndedSegments,
    logger: silentLog,
    ...options,
  });
}

const remove = () => removeExpiredLogs({ db, logger: silentLog });

test('a log expires when its execution has been final for the retention time, and not before', async () => {
  const old = await insertFinal(db, smallRows(5), 2.01 * HOUR_MS);
  const young = await insertFinal(db, smallRows(5), 1.99 * HOUR_MS);
  expect(await finish(expireLogs(db, 2 / 24))).toMatchObject({ logsExpired: 1 });
  expect((await executionOf(db, old.id)).logExpiredAt).not.toBeNull();
  expect((await executionOf(db, young.id)).logExpiredAt).toBeNull();
});

test('an execution that is not final never loses a row, however old it is', async () => {
  const { executionNo, executionId } = await insertRunning(db);
  const suspended = await insertRunning(db);
  await insertTimed(db, executionNo, smallRows(10));
  await insertTimed(db, suspended.executionNo, smallRows(10));
  const queued = await createIn(db);
  await db.orm.execute(sql`
    UPDATE outlast.workflow_executions SET created_at = now() - interval '1 year', queued_at = now() - interval '1 year'`);
  await db.orm.execute(sql`
    UPDATE outlast.workflow_executions SET status = 'suspended', worker_id = NULL, suspended_reason = 'approval'
    WHERE no = ${suspended.executionNo}`);
  await makeMaintenance({ chunkRetentionDays: 0.000001, packAfterMs: 0 }).pass();
  for (const id of [executionId, suspended.executionId, queued]) {
    expect(await executionOf(db, id)).toMatchObject({
      logPackedAt: null,
      logExpiredAt: null,
      logRemovedAt: null,
    });
  }
  expect(await rowsOf(db, executionNo)).toHaveLength(10);
  expect(await rowsOf(db, suspended.executionNo)).toHaveLength(10);
});

test('rows go only after the expiry is committed, and the execution stays as it was', async () => {
  const { id, no } = await insertFinal(db, smallRows(300), 8 * DAY_MS);
  const before = await executionOf(db, id);
  expect(await finish(remove())).toEqual(emptyTally());
  expect(await rowsOf(db, no)).toHaveLength(300);
  await finish(expireLogs(db, 7));
  expect(await rowsOf(db, no)).toHaveLength(300);
  expect(await finish(remove())).toMatchObject({ logsRemoved: 1, rowsRemoved: 300 });
  expect(await rowsOf(db, no)).toEqual([]);
  const after = await executionOf(db, id);
  expect(after.logRemovedAt).not.toBeNull();
  expect({ ...after, logExpiredAt: null, logRemovedAt: null }).toEqual(before);
});

test('removal that is cut in between leaves no gap to a reader, and is gone on with', async () => {
  const { id, no } = await insertFinal(db, smallRows(12_000), 8 * DAY_MS);
  await finish(expireLogs(db, 7));
  const batches = remove();
  expect((await batches.next()).value).toEqual({ rowsRemoved: 5000, logsRemoved: 0 });
  await batches.return();
  expect((await executionOf(db, id)).logRemovedAt).toBeNull();
  const left = await pagesFrom(db, no, 0);
  expect(left.map(({ seq }) => seq)).toEqual(Array.from({ length: 7000 }, (_, i) => i + 1));
  expect(await finish(remove())).toMatchObject({ rowsRemoved: 7000, logsRemoved: 1 });
});

test('a log whose rows fill the last batch exactly is marked all the same', async () => {
  const { id } = await insertFinal(db, smallRows(5000), 8 * DAY_MS);
  await finish(expireLogs(db, 7));
  expect(await finish(remove())).toMatchObject({ rowsRemoved: 5000, logsRemoved: 1 });
  expect((await executionOf(db, id)).logRemovedAt).not.toBeNull();
});

test('many workers expire and remove many logs, each once', async () => {
  const finals = await Promise.all(
    Array.from({ length: 40 }, (_, i) => insertFinal(db, smallRows(i), 8 * DAY_MS)),
  );
  const kept = await insertFinal(db, smallRows(10));
  const total = emptyTally();
  const report = (done: Parameters<typeof addTo>[1]) => addTo(total, done);
  const workers = Array.from({ length: 5 }, () => makeMaintenance({ packAfterMs: DAY_MS, report }));
  for (const worker of workers) worker.start();
  await waitFor(() => total.logsRemoved >= 40, { describe: () => JSON.stringify(total) });
  await Promise.all(workers.map((worker) => worker.stop()));
  const rowsRemoved = (40 * 39) / 2;
  expect(total).toEqual({ ...emptyTally(), logsExpired: 40, logsRemoved: 40, rowsRemoved });
  for (const { no } of finals) expect(await rowsOf(db, no)).toEqual([]);
  expect(await rowsOf(db, kept.no)).toHaveLength(10);
});

test('a log that is held by somebody else is passed over', async () => {
  const [held, free] = [
    await insertFinal(db, smallRows(100), 9 * DAY_MS),
    await insertFinal(db, smallRows(100), 8 * DAY_MS),
  ];
  const holder = await db.pool.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM outlast.workflow_executions WHERE no = $1 FOR UPDATE', [held.no]);
  expect(await makeMaintenance().pass()).toBe(true);
  expect((await executionOf(db, held.id)).logExpiredAt).toBeNull();
  expect((await executionOf(db, free.id)).logRemovedAt).not.toBeNull();
  await holder.query('COMMIT');
  holder.release();
  await makeMaintenance().pass();
  expect(await rowsOf(db, held.no)).toEqual([]);
});

test('a kind of work that fails is reported, and the others go on', async () => {
  const { no } = await insertFinal(db, smallRows(100));
  const failed: string[] = [];
  const logger = silentLog.child({});
  logger.error = (fields: { role: string }) => failed.push(fields.role);
  const removeEndedSegments = () => Promise.reject(new TypeError('a bug'));
  expect(await makeMaintenance({ removeEndedSegments, logger }).pass()).toBe(true);
  expect(failed).toEqual(['remove-ended-segments']);
  expect(await rowsOf(db, no)).toHaveLength(2);
});

test('workflows of segments that ended an hour ago go, with all that hangs on them; live ones stay', async () => {
  const insert = async (id: string, status: string, endedAgoMs: number | null, name = 'agentExecution') => {
    await db.orm.execute(sql`
      INSERT INTO dbos.workflow_status (workflow_uuid, status, name, completed_at) VALUES (${id}, ${status}, ${name},
        (extract(epoch FROM clock_timestamp()) * 1000)::bigint - ${endedAgoMs}::bigint)`);
    await db.orm.execute(sql`INSERT INTO dbos.workflow_input (workflow_uuid, inputs) VALUES (${id}, '[]')`);
    await db.orm.execute(sql`INSERT INTO dbos.workflow_output (workflow_uuid, output) VALUES (${id}, '1')`);
    await db.orm.execute(sql`
      INSERT INTO dbos.operation_outputs (workflow_uuid, function_id, function_name) VALUES (${id}, 0, 'turn')`);
  };
  for (let i = 0; i < 5; i++) await insert(`ended:${i}`, i === 0 ? 'ERROR' : 'SUCCESS', HOUR_MS + 60_000);
  const staying = ['enqueued:1', 'foreign:1', 'live:1', 'young:1'];
  await insert('enqueued:1', 'ENQUEUED', null);
  await insert('foreign:1', 'SUCCESS', DAY_MS, 'somebodyElses');
  await insert('live:1', 'PENDING', null);
  await insert('young:1', 'SUCCESS', HOUR_MS - 60_000);
  expect(await removeEndedSegments(db, 3)).toBe(3);
  const counts = await Promise.all([1, 2, 3].map(() => removeEndedSegments(db, 3)));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2);
  for (const table of ['workflow_status', 'workflow_input', 'workflow_output', 'operation_outputs']) {
    const { rows } = await db.pool.query<{ id: string }>(
      `SELECT workflow_uuid AS id FROM dbos.${table} ORDER BY 1`,
    );
    expect(rows.map(({ id }) => id)).toEqual(staying);
  }
});

test('idempotency keys go when they are a day old', async () => {
  await db.orm.execute(sql`
    INSERT INTO outlast.idempotency_keys (tenant_id, owner_id, key, request_hash, created_at)
    SELECT 'default', 'local', n, '', clock_timestamp() - n * interval '1 hour' FROM generate_series(1, 2100) AS n`);
  expect(await finish(removeIdempotencyKeys(db))).toMatchObject({ keysRemoved: 2077 });
  const { rows } = await db.orm.execute(
    sql`SELECT max(key::integer) AS oldest FROM outlast.idempotency_keys`,
  );
  expect(rows).toEqual([{ oldest: 23 }]);
});

test('tokens go when they have expired, also those that were revoked before', async () => {
  const executionId = await createIn(db);
  await db.orm.execute(sql`
    INSERT INTO outlast.access_tokens
      (id, tenant_id, owner_id, kind, hash, execution_id, scope, made_by, expires_at, revoked_at)
    SELECT gen_random_uuid(), 'default', 'local', 'stream', encode(sha256(n::text::bytea), 'hex'), ${executionId},
      'read', 'local', clock_timestamp() + n * interval '1 minute', CASE WHEN n % 2 = 0 THEN now() END
    FROM generate_series(-1050, 49) AS n`);
  expect(await finish(removeAccessTokens(db))).toMatchObject({ tokensRemoved: 1051 });
  expect(await db.orm.$count(sql`outlast.access_tokens WHERE expires_at > now()`)).toBe(49);
  expect(await db.orm.$count(sql`outlast.access_tokens`)).toBe(49);
});

test('spent challenges go an hour after nobody could have solved them any more', async () => {
  await db.orm.execute(sql`
    INSERT INTO outlast.apps
      (id, tenant_id, name, allowed_origins, agent_ids, session_ttl_seconds, difficulty, challenge_secret)
    VALUES (gen_random_uuid(), 'default', 'shop', '{https://shop.example}', '{assistant}', 60, 1,
      decode(repeat('00', 32), 'hex'))`);
  await db.orm.execute(sql`
    INSERT INTO outlast.spent_challenges (app_id, challenge, tenant_id, expires_at)
    SELECT id, n, 'default', clock_timestamp() - n * interval '1 minute'
    FROM outlast.apps, generate_series(-4, 1100) AS n`);
  expect(await finish(removeSpentChallenges(db))).toMatchObject({ challengesRemoved: 1041 });
  const { rows } = await db.orm.execute(
    sql`SELECT count(*)::int AS n, max(challenge::integer) AS oldest FROM outlast.spent_challenges`,
  );
  expect(rows).toEqual([{ n: 64, oldest: 59 }]);
});

test('the audit log stays for ever, unless a time is set', async () => {
  await db.orm.execute(sql`
    INSERT INTO outlast.audit_log (id, tenant_id, actor_kind, actor, action, subject_type, subject_id, at)
    SELECT gen_random_uuid(), 'acme', 'user', 'ann', 'thread.created', 'thread', n, now() - n * interval '1 day'
    FROM (VALUES (1), (400)) AS age(n)`);
  const ages = async () => {
    const { rows } = await db.pool.query(
      `SELECT subject_id AS age FROM outlast.audit_log WHERE tenant_id = 'acme' ORDER BY at`,
    );
    return rows.map(({ age }) => age as string);
  };
  expect(parseConfig({}).OUTLAST_AUDIT_RETENTION_DAYS).toBe(0);
  expect(() => parseConfig({ OUTLAST_AUDIT_RETENTION_DAYS: '-1' })).toThrow('OUTLAST_AUDIT_RETENTION_DAYS');
  await makeMaintenance().pass();
  expect(await ages()).toEqual(['400', '1']);
  await makeMaintenance({ auditRetentionDays: 365 }).pass();
  expect(await ages()).toEqual(['1']);
});

test('the retention time may be a part of a day, and is never none', () => {
  expect(parseConfig({ CHUNK_RETENTION_DAYS: '0.5' }).CHUNK_RETENTION_DAYS).toBe(0.5);
  for (const days of ['0', '-1', '3651', 'week', 'Infinity']) {
    expect(() => parseConfig({ CHUNK_RETENTION_DAYS: days })).toThrow('CHUNK_RETENTION_DAYS');
  }
});
