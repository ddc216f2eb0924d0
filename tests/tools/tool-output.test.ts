import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Database } from '../../src/db/database.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { callOnce, type Execute } from '../support/tool-calls.ts';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url, 20);
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

describe('what a tool gives back', () => {
  const whole: [name: string, given: unknown, stored: unknown][] = [
    ['undefined, as null', undefined, null],
    ['null', null, null],
    ['the text 1, which stays a text', '1', '1'],
    ['the text null, which stays a text', 'null', 'null'],
    ['false', false, false],
    ['awkward text', 'a\u0000b\ud83dc\u2028', 'a\u0000b\ud83dc\u2028'],
    [
      'an object, without what JSON has not',
      { a: 1, b: undefined, at: new Date(0) },
      { a: 1, at: new Date(0).toJSON() },
    ],
  ];

  test.each(whole)('%s', async (_name, given, stored) => {
    const { row, lines } = await callOnce(db, () => given);
    expect(row).toMatchObject({ status: 'completed' });
    expect(row.output).toEqual(stored);
    expect((JSON.parse(lines.at(-1) ?? '{}') as { output: unknown }).output).toEqual(stored);
  });

  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const refused: [name: string, code: string, execute: Execute][] = [
    ['more than a megabyte', 'output-too-large', () => 'x'.repeat(1_000_001)],
    ['a BigInt', 'invalid-output', () => 1n],
    ['a cycle', 'invalid-output', () => cycle],
    ['a function', 'invalid-output', () => () => 1],
    [
      'an error',
      'tool-error',
      () => {
        throw new Error('out of stock');
      },
    ],
    [
      'an error with U+0000',
      'tool-error',
      () => {
        throw new Error('a\u0000b');
      },
    ],
    ['a rejection that is no error', 'tool-error', () => Promise.reject({ odd: true })],
  ];

  test.each(refused)('%s is an error for the model (%s)', async (_name, code, execute) => {
    const { row, lines } = await callOnce(db, execute);
    expect(row).toMatchObject({ status: 'failed', errorCode: code, output: null });
    expect(lines.at(-1)).toContain('"type":"tool-output-error"');
  });
});
