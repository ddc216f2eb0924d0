import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseRoleScopes } from '../../src/auth/role-scopes.ts';
import { type UserTokenRules, userTokens } from '../../src/auth/user-tokens.ts';
import { AUDIENCE, claims, hs256, ISSUER, nowSeconds, SECRET, signedWith, tokenOf } from './tokens.ts';

const RULES: UserTokenRules = {
  signedBy: { secret: SECRET },
  issuer: ISSUER,
  audience: AUDIENCE,
  tenantClaim: 'org',
  rolesClaim: 'roles',
  roleScopes: parseRoleScopes('admin=admin,watcher=metrics:read'),
};
const OWN = ['executions:write', 'executions:read', 'approvals:decide', 'approvals:read'];

describe('tokens that are signed with a secret', () => {
  const find = userTokens(RULES);

  test('say who it is, where they belong and until when', async () => {
    const exp = nowSeconds() + 300;
    const user = await find(tokenOf(claims({ exp, roles: ['finance', 7, ''] })));
    expect(user).toMatchObject({ kind: 'user', id: 'ann', tenantId: 'acme', ownerId: 'ann' });
    expect(user).toMatchObject({ roles: ['finance'], expiresAt: exp * 1000 });
    expect([...(user?.scopes ?? [])].sort()).toEqual([...OWN].sort());
  });

  const now = nowSeconds();
  test.each([
    ['expired beyond what clocks differ by', claims({ exp: now - 90 })],
    ['without an end', claims({ exp: undefined })],
    ['with an end that is no number', claims({ exp: 'tomorrow' })],
    ['not valid yet', claims({ nbf: now + 90 })],
    ['of another issuer', claims({ iss: 'https://other.example.com/' })],
    ['without an issuer', claims({ iss: undefined })],
    ['for somebody else', claims({ aud: 'another' })],
    ['for nobody', claims({ aud: undefined })],
    ['of nobody', claims({ sub: undefined })],
    ['of an empty name', claims({ sub: '' })],
    ['of a name that is an API key’s', claims({ sub: 'key:0190' })],
    ['of a name that is a token’s', claims({ sub: 'token:ann:thread:1' })],
    ['of a name that is a stranger’s', claims({ sub: 'anon:1' })],
    ['of a name that is a role’s', claims({ sub: 'role:finance' })],
    ['of a name that is the policy’s', claims({ sub: 'policy' })],
    ['of a name with U+0000', claims({ sub: 'a\u0000' })],
    ['of half a character', claims({ sub: '\ud800' })],
    ['of no tenant', claims({ org: undefined })],
    ['of a tenant that is no name', claims({ org: ['acme'] })],
  ])('are refused when they are %s', async (_, payload) => {
    expect(await find(tokenOf(payload))).toBeUndefined();
  });

  test.each([
    ['unsigned', tokenOf(claims(), { alg: 'none' }, () => Buffer.alloc(0))],
    ['unsigned in another spelling', tokenOf(claims(), { alg: 'None' }, () => Buffer.alloc(0))],
    ['signed with another secret', tokenOf(claims(), { alg: 'HS256' }, hs256('another'.repeat(8)))],
    ['of another algorithm by the same secret', tokenOf(claims(), { alg: 'HS512' })],
    ['with a part that has to be understood', tokenOf(claims(), { alg: 'HS256', crit: ['x'], x: 1 })],
    ['no token', 'garbage'],
    ['empty', ''],
    ['three dots', '..'],
  ])('are refused when they are %s', async (_, token) => {
    expect(await find(token)).toBeUndefined();
  });

  test('are taken within what clocks may differ by', async () => {
    expect(await find(tokenOf(claims({ exp: now - 30, nbf: now + 30 })))).toMatchObject({ id: 'ann' });
  });

  test('give what their roles may do, and a role may be named by a way to it', async () => {
    const admin = await find(tokenOf(claims({ roles: 'admin' })));
    expect(admin?.scopes.has('admin') && admin.scopes.has('metrics:read')).toBe(true);
    const nested = userTokens({ ...RULES, rolesClaim: 'realm_access.roles' });
    const watcher = await nested(tokenOf(claims({ realm_access: { roles: ['watcher'] } })));
    expect([watcher?.scopes.has('metrics:read'), watcher?.scopes.has('admin')]).toEqual([true, false]);
  });
});

describe('tokens that are signed with published keys', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ed = generateKeyPairSync('ed25519');
  let publisher: Server;
  let requests = 0;
  let jwksUrl: string;

  const published = (kid: string, key: KeyObject) => ({ ...key.export({ format: 'jwk' }), kid, use: 'sig' });

  beforeAll(async () => {
    const keys = [
      published('rsa', rsa.publicKey),
      published('ec', ec.publicKey),
      published('ed', ed.publicKey),
    ];
    publisher = createServer((req, res) => {
      requests += 1;
      res.statusCode = req.url === '/broken' ? 500 : 200;
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify({ keys }));
    });
    await new Promise<void>((resolve) => publisher.listen(0, '127.0.0.1', resolve));
    jwksUrl = `http://127.0.0.1:${(publisher.address() as AddressInfo).port}/keys`;
  });
  afterAll(() => void publisher.close());

  const finder = (url = jwksUrl) => userTokens({ ...RULES, signedBy: { jwksUrl: url } });

  test('are taken with the three algorithms, and the keys are asked for once', async () => {
    const find = finder();
    const before = requests;
    for (const [kid, alg, { privateKey }] of [
      ['rsa', 'RS256', rsa],
      ['ec', 'ES256', ec],
      ['ed', 'EdDSA', ed],
    ] as const) {
      const token = tokenOf(claims(), { alg, kid }, signedWith(privateKey, alg));
      expect(await find(token)).toMatchObject({ id: 'ann' });
    }
    expect(requests - before).toBe(1);
  });

  test('are refused when a public key is taken for a secret', async () => {
    const find = finder();
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
    const jwk = JSON.stringify(published('rsa', rsa.publicKey));
    for (const secret of [pem, jwk, SECRET]) {
      expect(await find(tokenOf(claims(), { alg: 'HS256', kid: 'rsa' }, hs256(secret)))).toBeUndefined();
    }
  });

  test('are refused when they bring their own key, name another or none that is known', async () => {
    const find = finder();
    const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const sign = signedWith(own.privateKey, 'RS256');
    const jwk = own.publicKey.export({ format: 'jwk' });
    for (const header of [
      { alg: 'RS256', kid: 'rsa' },
      { alg: 'RS256', kid: 'rsa', jwk },
      { alg: 'RS256', jwk },
      { alg: 'RS256', kid: 'unknown' },
      { alg: 'RS256', kid: 'ec' },
      { alg: 'RS256', kid: 'rsa', jku: 'http://evil.example.com/keys' },
    ]) {
      expect(await find(tokenOf(claims(), header, sign))).toBeUndefined();
    }
    expect(await find(tokenOf(claims(), { alg: 'none' }, () => Buffer.alloc(0)))).toBeUndefined();
  });

  test('cannot be told right from wrong while the keys cannot be had, and nobody is let in', async () => {
    const token = tokenOf(claims(), { alg: 'RS256', kid: 'rsa' }, signedWith(rsa.privateKey, 'RS256'));
    for (const url of [jwksUrl.replace('/keys', '/broken'), 'http://127.0.0.1:9/']) {
      await expect(finder(url)(token)).rejects.toMatchObject({ code: 'unavailable', status: 503 });
    }
  });
});
