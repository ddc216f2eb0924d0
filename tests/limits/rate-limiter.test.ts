import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pino from 'pino';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { RateLimiter, type RateLimiterOptions } from '../../src/limits/rate-limiter.ts';
import { removeFree } from '../../src/limits/remove-free.ts';
import { Problem } from '../../src/problems/problem.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

const MINUTE = 60_000;

describe('a limit', () => {
  let database: TestDatabase;
  let db: Database;
  let kinds = 0;
  let clock = 0;
  const open: RateLimiter[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    db = openDatabase({ url: database.url, poolSize: 3, idleTransactionMs: 5000, onError: () => undefined });
  });
  afterEach(async () => {
    for (const limiter of open.splice(0)) await limiter.stop();
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  function limiter(options: Partial<RateLimiterOptions> = {}): RateLimiter {
    const logger = pino({ level: 'silent' });
    const made = new RateLimiter({ db, kind: `k${kinds}`, limit: 10, windowMs: MINUTE, logger, ...options });
    open.push(made);
    return made;
  }

  /** How many of so many requests at once are let through. */
  function taken(from: RateLimiter, name: string, tries: number): number {
    let passed = 0;
    for (let i = 0; i < tries; i++) {
      try {
        from.take(name);
        passed += 1;
      } catch (error) {
        if (!(error instanceof Problem && error.code === 'rate-limited')) throw error;
      }
    }
    return passed;
  }

  function retryAfter(from: RateLimiter, name: string): string | undefined {
    try {
      from.take(name);
    } catch (error) {
      return (error as Problem).headers['retry-after'];
    }
    return undefined;
  }

  beforeAll(() => {
    clock = 0;
  });

  test('may be used up at once, and comes back as time passes', () => {
    kinds += 1;
    const alone = limiter({ now: () => clock });
    expect(taken(alone, 'ann', 15)).toBe(10);
    expect(retryAfter(alone, 'ann')).toBe('6');
    clock += 5990;
    expect(retryAfter(alone, 'ann')).toBe('1');
    clock += 10;
    expect(taken(alone, 'ann', 5)).toBe(1);
    clock += MINUTE;
    expect(taken(alone, 'ann', 15)).toBe(10);
  });

  test.each([1, 3, 7, 9999, 12_000])('of %d lets through exactly that many', (limit) => {
    kinds += 1;
    const alone = limiter({ limit, now: () => clock });
    expect(taken(alone, 'ann', limit + 5)).toBe(limit);
  });

  test('of one is none of another', () => {
    kinds += 1;
    const alone = limiter();
    expect(taken(alone, 'ann', 15)).toBe(10);
    expect(taken(alone, 'bob', 5)).toBe(5);
  });

  /** How many requests somebody lets through until it knows of the others. */
  async function passedUntilKnown(from: RateLimiter, name: string): Promise<number> {
    let passed = 0;
    const isRefused = () => {
      passed += taken(from, name, 1);
      return retryAfter(from, name) !== undefined;
    };
    await waitFor(isRefused, { describe: 'what others let through' });
    return passed;
  }

  test('is shared by processes: what one lets through, the others do not', async () => {
    kinds += 1;
    const [here, there] = [limiter({ limit: 1000 }), limiter({ limit: 1000 })];
    expect(taken(here, 'ann', 1000)).toBe(1000);
    // The first request there is one that nothing is known for yet.
    expect(await passedUntilKnown(there, 'ann')).toBeLessThan(200);
  });

  test('is paid back where two processes let through too much at once', async () => {
    kinds += 1;
    const many = [limiter(), limiter(), limiter()];
    for (const each of many) expect(taken(each, 'ann', 15)).toBe(10);
    // 30 requests at 10 a minute: until then nobody gets more than the rate allows.
    const untilFree = async () => {
      const { rows } = await db.pool.query<{ seconds: number }>(
        'SELECT extract(epoch FROM max(free_at) - now())::float8 AS seconds FROM outlast.rate_limits',
      );
      return rows[0]?.seconds ?? 0;
    };
    await waitFor(async () => (await untilFree()) > 170, { describe: 'all that was taken to be added up' });
    expect(await untilFree()).toBeLessThan(181);
    for (const each of many) expect(taken(each, 'ann', 5)).toBe(0);
  });

  test('outlasts a process', async () => {
    kinds += 1;
    const first = limiter({ limit: 1000 });
    taken(first, 'ann', 1000);
    await first.stop();
    expect(await passedUntilKnown(limiter({ limit: 1000 }), 'ann')).toBeLessThan(200);
  });

  test('is counted by each process for itself while Postgres is away, and nobody waits', async () => {
    kinds += 1;
    const url = 'postgres://127.0.0.1:1/nowhere';
    const away = openDatabase({ url, poolSize: 1, idleTransactionMs: 1000, onError: () => undefined });
    const alone = limiter({ db: away });
    expect(taken(alone, 'ann', 15)).toBe(10);
    expect(taken(alone, 'ann', 5)).toBe(0);
    await alone.stop();
    await away.close();
  });

  test('of very many names takes bounded memory', () => {
    kinds += 1;
    const alone = limiter({ mostKept: 100 });
    for (let i = 0; i < 1000; i++) alone.take(`address ${i}`);
    expect(alone.size).toBeLessThanOrEqual(100);
    expect(taken(alone, 'address 999', 15)).toBe(9);
  });

  test('leaves nothing of whom all is free again, and no name in the table', async () => {
    kinds += 1;
    await db.pool.query('TRUNCATE outlast.rate_limits');
    const short = limiter({ windowMs: 50 });
    const long = limiter({ kind: 'other' });
    short.take('203.0.113.7');
    long.take('203.0.113.7');
    await short.stop();
    await long.stop();
    const keys = async () => {
      await removeFree(db);
      return (await db.pool.query<{ key: string }>('SELECT key FROM outlast.rate_limits')).rows;
    };
    await waitFor(async () => (await keys()).length === 1, { describe: 'the row of the short window to go' });
    expect((await keys())[0]?.key).toMatch(/^[\w-]{22}$/);
  });

  test('costs no commit a wait for the disk', async () => {
    const { rows } = await db.pool.query(
      `SELECT relpersistence FROM pg_class WHERE oid = 'outlast.rate_limits'::regclass`,
    );
    expect(rows).toEqual([{ relpersistence: 'u' }]);
  });
});
