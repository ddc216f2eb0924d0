import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import type { ApprovalReader } from '../../src/approvals/approval-reader.ts';
import { ApprovalWatch } from '../../src/approvals/approval-watch.ts';
import { type Database, transaction } from '../../src/db/database.ts';
import { approvalEvents } from '../../src/db/schema.ts';
import { OPEN_SCOPE, type Scope } from '../../src/db/scope.ts';
import { insertApproval } from '../support/inbox.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

const LONG = 3_600_000;

let database: TestDatabase;
let db: Database;
let watch: ApprovalWatch;
let gone: AbortController;

beforeEach(async () => {
  database = await createTestDatabase();
  db = openPool(database.url, 5);
  gone = new AbortController();
});

afterEach(async () => {
  gone.abort();
  await watch.stop();
  await db.close();
  await database.drop();
});

/** What comes to a reader, by id; the array grows. */
async function follow(scope: Scope = OPEN_SCOPE, signal = gone.signal): Promise<string[]> {
  const reader = await watch.follow(scope, signal);
  const ids: string[] = [];
  void collect(reader, ids, signal);
  return ids;
}

async function collect(reader: ApprovalReader, ids: string[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const json = await reader.next();
    if (json !== undefined) ids.push((JSON.parse(json) as { id: string }).id);
  }
}

const open = (pollMs: number) => {
  watch = new ApprovalWatch({ db, logger: silentLog, pollMs });
};

test('a hint brings what is new, once, and a poll brings what no hint told of', async () => {
  open(LONG);
  const before = await insertApproval(db);
  const ids = await follow();
  const first = await insertApproval(db);
  watch.look();
  await waitFor(() => ids.length > 0, { describe: 'the first' });
  const second = await insertApproval(db);
  watch.look();
  watch.look();
  await waitFor(() => ids.length > 1, { describe: 'the second' });
  expect(ids).toEqual([first, second]);
  expect(ids).not.toContain(before);
  await watch.stop();
  open(20);
  const polled = await follow();
  const third = await insertApproval(db);
  await waitFor(() => polled.length > 0, { describe: 'the third' });
  expect(polled).toEqual([third]);
});

test('a change that commits after later ones is not passed over', async () => {
  open(20);
  const approvalId = await insertApproval(db);
  const ids = await follow();
  const later: string[] = [];
  await transaction(db, async (tx) => {
    // Its time and its id are taken before those of what is read meanwhile.
    await tx.insert(approvalEvents).values({ tenantId: 'default', approvalId, kind: 'assigned', by: 'x' });
    for (let i = 0; i < 3; i++) {
      later.push(await insertApproval(db));
      await waitFor(() => ids.length === i + 1, { describe: 'what came later' });
    }
  });
  await waitFor(() => ids.length === 4, { describe: 'the late one' });
  expect(ids).toEqual([...later, approvalId]);
});

test('more than is read at once comes whole', async () => {
  open(LONG);
  const ids = await follow();
  const inserted: string[] = [];
  for (let i = 0; i < 120; i++) inserted.push(await insertApproval(db));
  watch.look();
  await waitFor(() => ids.length >= 120, { describe: 'all of them' });
  expect(ids).toEqual(inserted);
});

test('with no reader nothing is asked of Postgres; many readers cost one look', async () => {
  open(20);
  let looks = 0;
  const { pool } = db;
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
  (pool as { query: unknown }).query = (...args: unknown[]) => {
    if (JSON.stringify(args[0]).includes('approval_events')) looks += 1;
    return query(...args);
  };
  watch.look();
  const readers = await Promise.all(Array.from({ length: 20 }, () => follow()));
  expect([watch.readers, looks]).toEqual([20, 1]);
  const id = await insertApproval(db);
  await waitFor(() => readers.every((ids) => ids.length === 1), { describe: 'it everywhere' });
  expect(readers.flat()).toEqual(readers.map(() => id));
  gone.abort();
  expect(watch.readers).toBe(0);
  await watch.stop();
  const after = looks;
  await insertApproval(db);
  watch.look();
  await watch.stop();
  expect(looks).toBe(after);
});

test('a reader who comes after a pause is told nothing of the pause', async () => {
  open(20);
  const first = new AbortController();
  await follow(OPEN_SCOPE, first.signal);
  first.abort();
  await insertApproval(db);
  const ids = await follow();
  const now = await insertApproval(db);
  await waitFor(() => ids.length > 0, { describe: 'what is new' });
  expect(ids).toEqual([now]);
});

test('each reader has what they may decide, and no other', async () => {
  open(20);
  const scopes: Scope[] = [
    OPEN_SCOPE,
    { tenantId: 'default', ownerId: 'ann' },
    { tenantId: 'default', ownerId: 'bob' },
    { tenantId: 'other', ownerId: 'local' },
  ];
  const [local = [], ann = [], bob = [], other = []] = await Promise.all(
    scopes.map((scope) => follow(scope)),
  );
  const mine = await insertApproval(db);
  const named = await insertApproval(db, { approvers: ['ann', 'bob'] });
  const elsewhere = await insertApproval(db, { tenantId: 'other' });
  await waitFor(() => other.length > 0, { describe: 'the last one' });
  expect([local, ann, bob, other]).toEqual([[mine], [named], [named], [elsewhere]]);
});

test('what waits for a slow reader is bounded; then it is given up, and others are not', async () => {
  open(LONG);
  let isCut = false;
  const slow = await watch.follow(OPEN_SCOPE, gone.signal);
  slow.onOverflow(() => {
    isCut = true;
  });
  const ids = await follow();
  const big = { note: 'x'.repeat(2_200_000) };
  for (let i = 1; i <= 3; i++) {
    expect(isCut).toBe(false);
    await insertApproval(db, { input: big, id: uuidv7() });
    watch.look();
    await waitFor(() => ids.length === i, { describe: 'one more' });
  }
  expect(isCut).toBe(true);
  let late = false;
  slow.onOverflow(() => {
    late = true;
  });
  expect(late).toBe(true);
});

test('who comes while Postgres is away is told so', async () => {
  open(20);
  const away = openPool('postgres://nobody@127.0.0.1:1/none', 1);
  const broken = new ApprovalWatch({ db: away, logger: silentLog });
  await expect(broken.follow(OPEN_SCOPE, gone.signal)).rejects.toThrow();
  expect(broken.readers).toBe(0);
  await broken.stop();
  await away.close();
});
