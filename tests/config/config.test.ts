import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigError, parseConfig } from '../../src/config/config.ts';
import { makeTestFolder, removeTestFolder } from '../support/folders.ts';

const run = promisify(execFile);

describe('the configuration', () => {
  test('has defaults for everything, and takes an empty variable for an absent one', () => {
    expect(parseConfig({ PORT: '' })).toMatchObject({ PORT: 4400, HOST: '127.0.0.1', OUTLAST_ROLE: 'all' });
  });

  test('names every fault at once', () => {
    const faulty = { PORT: 'many', OUTLAST_ROLE: 'boss', DATABASE_URL: 'mysql://x', WORKER_CONCURRENCY: '0' };
    const error = faultsOf(faulty);
    expect(new Set(error.faults.map((fault) => fault.split(':')[0]))).toEqual(new Set(Object.keys(faulty)));
    for (const name of Object.keys(faulty)) expect(error.message).toContain(name);
  });

  test('refuses a lease that a single late heartbeat would lose', () => {
    const error = faultsOf({ WORKER_HEARTBEAT_MS: '1000', WORKER_DEAD_AFTER_MS: '2000' });
    expect(error.message).toContain('at least three times WORKER_HEARTBEAT_MS');
  });

  test('never shows a secret, however it is printed', () => {
    const config = parseConfig({
      OPENAI_API_KEY: 'sk-very-secret',
      DATABASE_URL: 'postgres://u:pw-secret@h/d',
    });
    expect(config.OPENAI_API_KEY).toBe('sk-very-secret');
    for (const text of [JSON.stringify(config), inspect(config), inspect({ config })]) {
      expect(text).not.toContain('secret');
      expect(text).toContain('[redacted]');
    }
    expect(faultsOf({ DATABASE_URL: 'not-a-url-but-secret' }).message).not.toContain('secret');
  });

  test('has a secret for the webhook, of the form that receivers know, or does not start', () => {
    const OUTLAST_NOTIFY_URL = 'https://example.com/hook?token=hush';
    const secretOf = (bytes: number) => `whsec_${Buffer.alloc(bytes, 255).toString('base64')}`;
    for (const bytes of [24, 32, 64]) {
      const config = parseConfig({ OUTLAST_NOTIFY_URL, OUTLAST_NOTIFY_SECRET: secretOf(bytes) });
      expect(config.OUTLAST_NOTIFY_SECRET).toBe(secretOf(bytes));
      expect(inspect(config)).not.toContain(secretOf(bytes).slice(6));
      expect(inspect(config)).not.toContain('hush');
    }
    const missing = faultsOf({ OUTLAST_NOTIFY_URL });
    expect(missing.message).toContain('OUTLAST_NOTIFY_SECRET: is needed with OUTLAST_NOTIFY_URL');
    expect(missing.message).toContain('openssl rand -base64 32');
    const [short, long, bare] = [secretOf(23), secretOf(65), secretOf(32).slice(6)];
    for (const secret of [short, long, bare, 'whsec_', `whsec_*${long}`, `${secretOf(32)}=`]) {
      const malformed = faultsOf({ OUTLAST_NOTIFY_URL, OUTLAST_NOTIFY_SECRET: secret });
      expect(malformed.faults).toHaveLength(1);
      expect(malformed.message).toContain('OUTLAST_NOTIFY_SECRET: must be whsec_ and 24 to 64 bytes');
      if (secret !== 'whsec_') expect(malformed.message).not.toContain(secret);
    }
    expect(faultsOf({ OUTLAST_NOTIFY_URL: 'ftp://example.com' }).message).toContain('OUTLAST_NOTIFY_URL');
    expect(faultsOf({ OUTLAST_NOTIFY_ALLOW_PRIVATE: 'yes' }).message).toContain('ALLOW_PRIVATE');
  });

  test('is frozen', () => {
    expect(Object.isFrozen(parseConfig({}))).toBe(true);
  });
});

describe('a secret in a file', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await makeTestFolder();
  });
  afterAll(() => removeTestFolder(folder));

  test('is read, without its last newline', async () => {
    await writeFile(join(folder, 'key'), 'sk-from-a-file\n');
    expect(parseConfig({ OPENAI_API_KEY_FILE: join(folder, 'key') }).OPENAI_API_KEY).toBe('sk-from-a-file');
  });

  test('that cannot be read is a fault like any other', () => {
    const error = faultsOf({ OPENAI_API_KEY_FILE: join(folder, 'absent'), PORT: '-1' });
    expect(error.faults).toHaveLength(2);
    expect(error.message).toContain('OPENAI_API_KEY_FILE: cannot be read (ENOENT)');
  });
});

describe('the rules for the tokens of users', () => {
  const secret = { OUTLAST_JWT_SECRET: 's'.repeat(32) };
  const named = { OUTLAST_JWT_ISSUER: 'i', OUTLAST_JWT_AUDIENCE: 'a' };

  test('are whole, and the secret prints as redacted', () => {
    const config = parseConfig({
      ...secret,
      ...named,
      OUTLAST_JWT_ROLE_SCOPES: 'a=admin,b=metrics:read+admin',
    });
    expect(JSON.stringify(config)).not.toContain('sss');
  });

  test.each([
    [{ ...secret }, ['OUTLAST_JWT_ISSUER', 'OUTLAST_JWT_AUDIENCE']],
    [{ ...named }, ['OUTLAST_JWT_ISSUER', 'OUTLAST_JWT_AUDIENCE']],
    [{ OUTLAST_JWT_TENANT_CLAIM: 'org' }, ['OUTLAST_JWT_TENANT_CLAIM']],
    [{ ...secret, ...named, OUTLAST_JWT_JWKS_URL: 'https://a.example.com/' }, ['OUTLAST_JWT_SECRET']],
    [{ ...secret, ...named, OUTLAST_AUTH: 'open' }, ['OUTLAST_AUTH']],
    [{ ...named, OUTLAST_JWT_SECRET: 'short' }, ['OUTLAST_JWT_SECRET']],
    [{ ...secret, ...named, OUTLAST_JWT_ROLE_SCOPES: 'admin=everything' }, ['OUTLAST_JWT_ROLE_SCOPES']],
    [{ ...secret, ...named, OUTLAST_JWT_ROLE_SCOPES: 'admin' }, ['OUTLAST_JWT_ROLE_SCOPES']],
    [{ OUTLAST_AUTH: 'on' }, ['OUTLAST_AUTH']],
  ])('%j has faults', (environment, names) => {
    const { faults } = faultsOf(environment);
    expect(faults.map((fault) => fault.split(':')[0])).toEqual(names);
  });
});

describe('the command line', () => {
  const outlast = (args: string[], env: Record<string, string> = {}) =>
    run(process.execPath, ['--conditions=outlast-source', 'src/cli.ts', ...args], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
    });

  test('prints all faults and exits with 1, before it starts anything', async () => {
    await expect(outlast(['start'], { PORT: 'x', LOG_LEVEL: 'loud' })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/PORT.*\n.*LOG_LEVEL/s),
      stdout: '',
    });
  });

  test('knows its commands', async () => {
    await expect(outlast(['version'])).resolves.toMatchObject({
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    await expect(outlast(['strat'])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('strat'),
    });
  });
});

function faultsOf(environment: Record<string, string>): ConfigError {
  try {
    parseConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('The configuration was accepted');
}
