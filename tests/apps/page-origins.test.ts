import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { disableApp } from '../../src/apps/disable-app.ts';
import { PageOrigins } from '../../src/apps/page-origins.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { makeApp, SHOP } from './world.ts';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, poolSize: 2, idleTransactionMs: 5000, onError: () => undefined });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

test('are those of all apps of all tenants that are not disabled, as they were two seconds ago', async () => {
  let now = 0;
  const origins = new PageOrigins(db.orm, () => now);
  expect(await origins.include(SHOP)).toBe(false);
  const id = await makeApp(db);
  await makeApp(db, { tenantId: 'globex', allowedOrigins: ['https://*.news.example'] });
  now = 1999;
  expect(await origins.include(SHOP)).toBe(false);
  now = 2000;
  expect(await origins.include(SHOP)).toBe(true);
  expect(await origins.include('https://a.news.example')).toBe(true);
  expect(await origins.include('https://news.example')).toBe(false);
  expect(await origins.include('null')).toBe(false);
  await disableApp(db.orm, id);
  now = 4000;
  expect(await origins.include(SHOP)).toBe(false);
  expect(await origins.include('https://a.news.example')).toBe(true);
});

test('are asked for once by many pages at once, and again after a failure', async () => {
  let selects = 0;
  let isAway = true;
  const counted = new Proxy(db.orm, {
    get: (target, name, receiver) => {
      if (name !== 'select') return Reflect.get(target, name, receiver) as unknown;
      selects++;
      if (isAway) throw new Error('The database is away');
      return target.select.bind(target);
    },
  });
  const origins = new PageOrigins(counted, () => 0);
  await expect(origins.include(SHOP)).rejects.toThrow('away');
  isAway = false;
  selects = 0;
  await Promise.all(Array.from({ length: 10 }, () => origins.include(SHOP)));
  expect(selects).toBe(1);
});
