import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseConfig } from '../../src/config/config.ts';
import { type EncryptionKeys, parseEncryptionKeys } from '../../src/secrets/encryption-keys.ts';
import { findEncryptionKeys } from '../../src/secrets/find-encryption-keys.ts';
import {
  isSealedByOlderKey,
  openSecret,
  SecretUnreadable,
  sealSecret,
} from '../../src/secrets/seal-secret.ts';
import { makeTestFolder, removeTestFolder } from '../support/folders.ts';

const [first, second] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64')) as [string, string];
const keys = parseEncryptionKeys(first);
const OWNER = 'automation:1';

describe('a sealed secret', () => {
  test('opens again, whatever it is, and shows nothing of itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (secret) => {
        const sealed = sealSecret(keys, OWNER, secret);
        expect(openSecret(keys, OWNER, sealed)).toBe(secret);
        expect(sealed).not.toBe(sealSecret(keys, OWNER, secret));
      }),
    );
    const sealed = sealSecret(keys, OWNER, 'hush-hush-hush');
    expect(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').toString('latin1')).not.toContain('hush');
  });

  test('does not open for another owner, nor with any byte of it changed', () => {
    const sealed = sealSecret(keys, OWNER, 'hush');
    expect(() => openSecret(keys, 'automation:2', sealed)).toThrow(SecretUnreadable);
    const [version, id, text = ''] = sealed.split('.');
    const bytes = Buffer.from(text, 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const tampered = [version, id, changed.toString('base64url')].join('.');
      expect(() => openSecret(keys, OWNER, tampered)).toThrow(SecretUnreadable);
    }
    for (const nonsense of ['', 'hush', 'v1', `v2.${id}.${text}`, `v1.${id}.AAAA`, `v1.00000000.${text}`]) {
      expect(() => openSecret(keys, OWNER, nonsense)).toThrow(SecretUnreadable);
    }
  });

  test('opens after its key was replaced, until that key is gone', () => {
    const sealed = sealSecret(keys, OWNER, 'hush');
    const rotated = parseEncryptionKeys(`${second}, ${first}`);
    expect(openSecret(rotated, OWNER, sealed)).toBe('hush');
    expect(isSealedByOlderKey(rotated, sealed)).toBe(true);
    const again = sealSecret(rotated, OWNER, 'hush');
    expect(isSealedByOlderKey(rotated, again)).toBe(false);
    expect(openSecret(parseEncryptionKeys(second), OWNER, again)).toBe('hush');
    const error = errorOf(() => openSecret(parseEncryptionKeys(second), OWNER, sealed));
    expect(error.message).toBe(`The encryption key ${keys[0].id} is not configured`);
  });
});

describe('the keys', () => {
  test('are 32 bytes in base64, and no fault tells what they were', () => {
    const bad = [
      '',
      ',',
      `${first},`,
      first.slice(1),
      randomBytes(31).toString('base64'),
      randomBytes(33).toString('base64'),
    ];
    for (const text of [...bad, `${first}${second}`, 'hush', first.replace('=', '')]) {
      const error = errorOf(() => parseConfig({ OUTLAST_ENCRYPTION_KEY: text || ' ' }));
      expect(error.message).toContain('OUTLAST_ENCRYPTION_KEY: must be 32 bytes in base64');
      expect(error.message).not.toContain('hush');
      if (text.length > 8) expect(error.message).not.toContain(text.slice(0, 8));
    }
    const config = parseConfig({ OUTLAST_ENCRYPTION_KEY: `${first},${second}` });
    expect(inspect(config)).not.toContain(first.slice(0, 8));
  });

  test('are made once beside an embedded database, for its user alone', async () => {
    const folder = await makeTestFolder();
    const config = {
      OUTLAST_ENCRYPTION_KEY: undefined,
      DATABASE_URL: undefined,
      OUTLAST_DATA_DIR: join(folder, 'data'),
    };
    const found = await Promise.all(Array.from({ length: 30 }, (_, turns) => findAfter(turns, config)));
    expect(new Set(found.map((each) => each?.[0].id)).size).toBe(1);
    expect(await readdir(config.OUTLAST_DATA_DIR)).toEqual(['encryption.key']);
    const file = join(config.OUTLAST_DATA_DIR, 'encryption.key');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(parseEncryptionKeys((await readFile(file, 'utf8')).trim())).toEqual(found[0]);
    await removeTestFolder(folder);
  });

  test('have to be said for a database that several processes may use', async () => {
    const folder = await makeTestFolder();
    const config = { DATABASE_URL: 'postgres://localhost/x', OUTLAST_DATA_DIR: folder };
    expect(await findEncryptionKeys({ ...config, OUTLAST_ENCRYPTION_KEY: undefined })).toBeUndefined();
    expect(await findEncryptionKeys({ ...config, OUTLAST_ENCRYPTION_KEY: first })).toEqual(
      keys satisfies EncryptionKeys,
    );
    expect(await readdir(folder)).toEqual([]);
    await removeTestFolder(folder);
  });
});

/** Some turns of the event loop later than others, so that they are at it in different places. */
async function findAfter(turns: number, config: Parameters<typeof findEncryptionKeys>[0]) {
  for (let turn = 0; turn < turns; turn += 1) await setImmediate();
  return findEncryptionKeys(config);
}

function errorOf(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('Nothing was thrown');
}
