import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAutomation } from '../../src/automations/create-automation.ts';
import { automationSettingsSchema } from '../../src/automations/settings.ts';
import { type Database, transaction } from '../../src/db/database.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import { parseEncryptionKeys } from '../../src/secrets/encryption-keys.ts';
import { openSecret } from '../../src/secrets/seal-secret.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const [oldKey, newKey] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64')) as [string, string];

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

function rotate(keys: string): Promise<{ code: number | string | null; said: string }> {
  const { PATH = '' } = process.env;
  const env = { PATH, DATABASE_URL: database.url, OUTLAST_ENCRYPTION_KEY: keys };
  const args = ['--conditions=outlast-source', 'src/cli.ts', 'secrets', 'rotate'];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : (error.code ?? null), said: out + err }),
    );
  });
}

test('secrets are encrypted with the first key, after which the others can go', async () => {
  const trigger = { type: 'webhook', signature: { preset: 'github' }, secret: 'hush-hush' };
  const settings = automationSettingsSchema.parse({ name: 'h', agentId: 'a', input: 'say hello', trigger });
  const deps = { encryptionKeys: parseEncryptionKeys(oldKey) };
  const { automation } = await transaction(db, (tx) => createAutomation(tx, deps, OPEN_SCOPE, settings));
  const failed = await rotate(newKey);
  expect(failed).toMatchObject({ code: 1, said: expect.stringContaining(automation.id) });
  const done = await rotate(`${newKey},${oldKey}`);
  expect(done).toMatchObject({ code: 0, said: expect.stringContaining('Encrypted 1 secrets with key') });
  const { rows } = await db.pool.query('SELECT sealed_secret AS sealed FROM outlast.automations');
  expect(openSecret(parseEncryptionKeys(newKey), automation.id, String(rows[0].sealed))).toBe('hush-hush');
  const [key] = parseEncryptionKeys(newKey);
  const written = await db.pool.query(
    `SELECT tenant_id, owner_id, actor_kind, subject_type, subject_id, details FROM outlast.audit_log
     WHERE action = 'secret.rotated'`,
  );
  expect(written.rows).toEqual([
    {
      tenant_id: OPEN_SCOPE.tenantId,
      owner_id: OPEN_SCOPE.ownerId,
      actor_kind: 'command',
      subject_type: 'automation',
      subject_id: automation.id,
      details: { keyId: key.id },
    },
  ]);
  for (const { said } of [failed, done]) {
    for (const secret of ['hush-hush', oldKey, newKey]) expect(said).not.toContain(secret);
  }
});
