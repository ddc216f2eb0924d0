import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { CompactEncrypt } from 'jose';
import { parseRoleScopes } from '../../src/auth/role-scopes.ts';
import { type UserTokenRules, userTokens } from '../../src/auth/user-tokens.ts';
import { AUDIENCE, claims, hs256, ISSUER, nowSeconds, SECRET, signedWith, tokenOf } from './tokens.ts';

type Header = Record<string, unknown>;

const RULES: Omit<UserTokenRules, 'signedBy'> = {
  issuer: ISSUER,
  audience: AUDIENCE,
  tenantClaim: 'org',
  rolesClaim: 'roles',
  roleScopes: parseRoleScopes('admin=admin'),
};
const findBySecret = userTokens({ ...RULES, signedBy: { secret: SECRET } });
const unsigned = () => Buffer.alloc(0);

/** A token over texts that need not be what JSON.stringify writes. */
function tokenOfTexts(header: string, payload: string, sign = hs256(SECRET)): string {
  const text = [header, payload].map((part) => Buffer.from(part).toString('base64url')).join('.');
  return `${text}.${sign(text).toString('base64url')}`;
}

/** The claims as JSON, with one of them written as it is given. */
function withRaw(name: string, json: string): string {
  return tokenOfTexts('{"alg":"HS256"}', JSON.stringify(claims({ [name]: 'RAW' })).replace('"RAW"', json));
}

describe('claims', () => {
  const now = nowSeconds();

  test.each([
    ['an end as a text', claims({ exp: String(now + 300) })],
    ['an end that is null', claims({ exp: null })],
    ['an end in a list', claims({ exp: [now + 300] })],
    ['a negative end', claims({ exp: -1 })],
    ['an end that clocks cannot explain', claims({ exp: now - 61 })],
    ['a beginning that clocks cannot explain', claims({ nbf: now + 62 })],
    ['a beginning as a text', claims({ nbf: String(now - 5) })],
    ['an issue as a text', claims({ iat: 'now' })],
    ['an issuer in a list', claims({ iss: [ISSUER] })],
    ['an issuer but for its end', claims({ iss: ISSUER.slice(0, -1) })],
    ['an audience in capitals', claims({ aud: AUDIENCE.toUpperCase() })],
    ['an empty list of audiences', claims({ aud: [] })],
    ['other audiences', claims({ aud: ['a', 'b'] })],
    ['an audience in an object', claims({ aud: { 0: AUDIENCE } })],
    ['a subject that is a number', claims({ sub: 7 })],
    ['a subject that is null', claims({ sub: null })],
    ['a subject in a list', claims({ sub: ['ann'] })],
    ['a subject that is too long', claims({ sub: 'a'.repeat(256) })],
    ['a subject with a new line', claims({ sub: 'ann\n' })],
    ['a tenant that is an object', claims({ org: { id: 'acme' } })],
    ['a tenant that is null', claims({ org: null })],
    ['a tenant that is a number', claims({ org: 1 })],
    ['a tenant that is empty', claims({ org: '' })],
    ['a tenant with U+0000', claims({ org: 'acme\0' })],
    ['a tenant that is too long', claims({ org: 'a'.repeat(256) })],
  ])('are refused with %s', async (_, payload) => {
    expect(await findBySecret(tokenOf(payload))).toBeUndefined();
  });

  test.each([
    ['exp', '1e999'],
    ['exp', '1e99'],
    ['exp', '-1e999'],
    ['exp', 'NaN'],
    ['nbf', '1e999'],
    ['org', '{"__proto__":"acme"}'],
  ])('are refused with %s as %s', async (name, json) => {
    expect(await findBySecret(withRaw(name, json))).toBeUndefined();
  });

  test('are refused when they are inherited from what the token says', async () => {
    const { org, sub, ...rest } = claims();
    const inherited = `${JSON.stringify(rest).slice(0, -1)},"__proto__":${JSON.stringify({ org, sub })}}`;
    expect(await findBySecret(tokenOfTexts('{"alg":"HS256"}', inherited))).toBeUndefined();
    expect(Object.prototype).not.toHaveProperty('org');
  });

  test.each([
    ['one of its audiences', claims({ aud: ['another', AUDIENCE] })],
    ['an end in a thousand years', claims({ exp: now + 31_556_952_000 })],
    ['an issue in the future, which says nothing', claims({ iat: now + 3600 })],
    ['clocks that differ by less than a minute', claims({ exp: now - 58, nbf: now + 59 })],
    ['roles that are none', claims({ roles: { admin: true } })],
  ])('are taken with %s, as what every user is', async (_, payload) => {
    const user = await findBySecret(tokenOf(payload));
    expect(user).toMatchObject({ id: 'ann', tenantId: 'acme', ownerId: 'ann', roles: [] });
    expect(user?.scopes.has('admin')).toBe(false);
  });

  test('that are there twice count once, and for all the same', async () => {
    const twice = JSON.stringify(claims({ sub: 'bob' })).replace('{', '{"sub":"ann","org":"globex",');
    const user = await findBySecret(tokenOfTexts('{"alg":"HS256"}', twice));
    expect(user).toMatchObject({ id: 'bob', ownerId: 'bob', tenantId: 'acme' });
  });
});

describe('headers and forms', () => {
  const signed = tokenOf(claims());
  const [head = '', body = '', signature = ''] = signed.split('.');

  test.each(['none', 'None', 'NONE', 'nOnE', ' none', 'none\0', '', null, 0, ['HS256'], 'hs256', 'HS384'])(
    'are refused with %j as the algorithm, signed or not',
    async (alg) => {
      for (const sign of [unsigned, hs256(SECRET), hs256('')]) {
        expect(await findBySecret(tokenOf(claims(), { alg }, sign))).toBeUndefined();
      }
    },
  );

  test.each<[string, string]>([
    ['no signature', `${head}.${body}.`],
    ['two parts', `${head}.${body}`],
    ['four parts', `${signed}.`],
    ['half a signature', `${head}.${body}.${signature.slice(0, 20)}`],
    ['a signature that goes on', `${signed}AAAA`],
    [
      'the claims of another',
      `${head}.${Buffer.from(JSON.stringify(claims({ sub: 'bob' }))).toString('base64url')}.${signature}`,
    ],
    [
      'a header that is not signed',
      `${Buffer.from('{"alg":"HS256","x":1}').toString('base64url')}.${body}.${signature}`,
    ],
    ['a header that is no object', tokenOfTexts('["HS256"]', JSON.stringify(claims()))],
    ['a header that is no JSON', tokenOfTexts('{"alg":"HS256"', JSON.stringify(claims()))],
    ['claims that are a list', tokenOfTexts('{"alg":"HS256"}', JSON.stringify([claims()]))],
    ['claims that are null', tokenOfTexts('{"alg":"HS256"}', 'null')],
    ['claims that are no JSON', tokenOfTexts('{"alg":"HS256"}', 'sub=ann')],
    ['a token in a token', tokenOfTexts('{"alg":"HS256","cty":"JWT"}', signed)],
    ['claims that are not encoded', tokenOf(claims(), { alg: 'HS256', b64: false, crit: ['b64'] })],
    ['something unknown to understand', tokenOf(claims(), { alg: 'HS256', crit: ['exp'], exp: 1 })],
    ['nothing to understand', tokenOf(claims(), { alg: 'HS256', crit: [] })],
    ['half a megabyte of nothing', 'a'.repeat(500_000)],
    ['half a megabyte of dots', '.'.repeat(500_000)],
    [
      'half a megabyte of claims of another',
      tokenOf(claims({ x: 'y'.repeat(500_000) }), { alg: 'HS256' }, hs256('another')),
    ],
  ])('are refused with %s', async (_, token) => {
    expect(await findBySecret(token)).toBeUndefined();
  });

  test('are refused when the claims are encrypted, to whomever', async () => {
    const key = Buffer.from(SECRET.padEnd(64, '.')).subarray(0, 32);
    const payload = new TextEncoder().encode(JSON.stringify(claims()));
    const jwe = await new CompactEncrypt(payload)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(key);
    expect(await findBySecret(jwe)).toBeUndefined();
  });

  test('are taken however long the claims are', async () => {
    const long = tokenOf(
      claims({ groups: Array.from({ length: 400 }, (_, i) => `a group with number ${i}`) }),
    );
    expect(long.length).toBeGreaterThan(8192);
    expect(await findBySecret(long)).toMatchObject({ id: 'ann' });
  });

  test('are refused and nothing more, whatever is changed', async () => {
    const change = fc.record({
      at: fc.nat(signed.length - 1),
      length: fc.nat(8),
      text: fc.oneof(fc.base64String(), fc.string({ unit: 'binary' }), fc.constantFrom('.', '..', '=', '\0')),
    });
    const refused = fc.asyncProperty(change, async ({ at, length, text }) => {
      const changed = signed.slice(0, at) + text + signed.slice(at + length);
      const user = await findBySecret(changed);
      // Spare bits at the end of base64, and signs that decoders pass over, may say the same.
      return user === undefined || changed.startsWith(`${head}.${body}.`);
    });
    await fc.assert(refused, { numRuns: 1000, seed: 1 });
  });
});

describe('published keys', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
  let publisher: Server;
  let url: string;
  /** What the next request for them is answered with. */
  let published: { status: number; keys: unknown; headers?: Record<string, string> };

  const jwk = (kid: string, key: KeyObject, more: Header = {}) => ({
    ...key.export({ format: 'jwk' }),
    kid,
    use: 'sig',
    ...more,
  });
  const usual = [jwk('rsa', rsa.publicKey), jwk('ec', ec.publicKey)];
  const finder = () => userTokens({ ...RULES, signedBy: { jwksUrl: url } });
  const rs256 = (header: Header, key = rsa.privateKey) =>
    tokenOf(claims(), { alg: 'RS256', ...header }, signedWith(key, 'RS256'));

  beforeAll(async () => {
    publisher = createServer((_, res) => {
      res.writeHead(published.status, { 'content-type': 'application/json', ...published.headers });
      res.end(JSON.stringify({ keys: published.keys }));
    });
    await new Promise<void>((resolve) => publisher.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(publisher.address() as AddressInfo).port}/keys`;
    published = { status: 200, keys: usual };
  });
  afterEach(() => {
    published = { status: 200, keys: usual };
    jest.restoreAllMocks();
  });
  afterAll(() => void publisher.close());

  test('are no secrets, in whatever form', async () => {
    const forms = [
      rsa.publicKey.export({ type: 'spki', format: 'pem' }),
      rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }),
      rsa.publicKey.export({ type: 'spki', format: 'der' }),
      String(rsa.publicKey.export({ type: 'spki', format: 'pem' })).trim(),
      JSON.stringify(jwk('rsa', rsa.publicKey)),
      JSON.stringify({ keys: usual }),
      Buffer.from(String(rsa.publicKey.export({ format: 'jwk' })['n']), 'base64url'),
      '',
    ];
    const find = finder();
    for (const secret of forms) {
      for (const header of [{ alg: 'HS256', kid: 'rsa' }, { alg: 'HS256' }]) {
        expect(await find(tokenOf(claims(), header, hs256(secret)))).toBeUndefined();
      }
    }
  });

  test('are the only ones: a token cannot bring one, or say where one is', async () => {
    const own = jwk('rsa', other.publicKey);
    const certificate = [other.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')];
    const headers: Header[] = [
      { kid: 'rsa', jwk: own },
      { jwk: own },
      { kid: 'rsa', jku: `${url}/others` },
      { kid: 'rsa', x5u: `${url}/others` },
      { kid: 'rsa', x5c: certificate },
      { kid: '../../../../dev/null' },
      { kid: "rsa' OR '1'='1" },
      { kid: '__proto__' },
      { kid: ['rsa'] },
      { kid: null },
      { kid: `${url}/others` },
    ];
    const find = finder();
    for (const header of headers) {
      expect(await find(rs256(header, other.privateKey))).toBeUndefined();
    }
  });

  test('are taken only for their own kind of signature', async () => {
    const find = finder();
    const ecSign = signedWith(ec.privateKey, 'ES256');
    for (const header of [
      { alg: 'ES256', kid: 'rsa' },
      { alg: 'RS256', kid: 'ec' },
      { alg: 'ES384', kid: 'ec' },
      { alg: 'PS256', kid: 'rsa' },
      { alg: 'RS512', kid: 'rsa' },
    ]) {
      expect(await find(tokenOf(claims(), header, ecSign))).toBeUndefined();
      expect(await find(tokenOf(claims(), header, signedWith(rsa.privateKey, 'RS256')))).toBeUndefined();
    }
  });

  test('refuse curves’ signatures of nothing, of too much and in another form', async () => {
    const find = finder();
    const header = { alg: 'ES256', kid: 'ec' };
    const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
    const zero = Buffer.alloc(32);
    for (const [r, s] of [
      [zero, zero],
      [order, order],
      [Buffer.alloc(32, 1), zero],
      [zero, order],
    ] as const) {
      expect(await find(tokenOf(claims(), header, () => Buffer.concat([r, s])))).toBeUndefined();
    }
    const good = signedWith(ec.privateKey, 'ES256');
    expect(
      await find(tokenOf(claims(), header, (text) => Buffer.concat([good(text), zero]))),
    ).toBeUndefined();
    expect(await find(tokenOf(claims(), header, (text) => good(text).subarray(1)))).toBeUndefined();
    expect(await find(tokenOf(claims(), header, good))).toMatchObject({ id: 'ann' });
  });

  test('say no more in the other form that every signature of a curve has', async () => {
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const mirrored = (text: string) => {
      const signature = signedWith(ec.privateKey, 'ES256')(text);
      const s = order - BigInt(`0x${signature.subarray(32).toString('hex')}`);
      return Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
    };
    const user = await finder()(tokenOf(claims(), { alg: 'ES256', kid: 'ec' }, mirrored));
    expect(user).toMatchObject({ id: 'ann', tenantId: 'acme' });
  });

  test('that are secrets, not for signing or two of one name sign nothing', async () => {
    const secret = { kty: 'oct', kid: 'rsa', k: Buffer.from(SECRET).toString('base64url') };
    const encrypting = jwk('rsa', rsa.publicKey, { use: 'enc' });
    const wrapping = jwk('rsa', rsa.publicKey, { use: undefined, key_ops: ['wrapKey'] });
    const twins = [jwk('rsa', rsa.publicKey), jwk('rsa', other.publicKey)];
    for (const keys of [[secret], [encrypting], [wrapping], twins, []]) {
      published = { status: 200, keys };
      expect(await finder()(rs256({ kid: 'rsa' }))).toBeUndefined();
      const byName = tokenOf(claims(), { alg: 'HS256', kid: 'rsa' }, hs256(SECRET));
      expect(await finder()(byName)).toBeUndefined();
    }
  });

  test('are asked for again when there is a new one, but not for every name that somebody makes up', async () => {
    const find = finder();
    expect(await find(rs256({ kid: 'rsa' }))).toMatchObject({ id: 'ann' });
    published = { status: 200, keys: [jwk('new', other.publicKey)] };
    const rotated = rs256({ kid: 'new' }, other.privateKey);
    expect(await find(rotated)).toBeUndefined();
    const start = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => start + 31_000);
    expect(await find(rotated)).toMatchObject({ id: 'ann' });
    expect(await find(rs256({ kid: 'rsa' }))).toBeUndefined();
  });

  test('that are withdrawn are taken for ten minutes and no longer', async () => {
    const find = finder();
    expect(await find(rs256({ kid: 'rsa' }))).toMatchObject({ id: 'ann' });
    published = { status: 200, keys: [jwk('new', other.publicKey)] };
    const start = Date.now();
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => start + 590_000);
    expect(await find(rs256({ kid: 'rsa' }))).toMatchObject({ id: 'ann' });
    clock.mockImplementation(() => start + 610_000);
    expect(await find(rs256({ kid: 'rsa' }))).toBeUndefined();
  });

  test.each([
    ['are not there', { status: 503, keys: usual }],
    ['are somewhere else', { status: 302, keys: usual, headers: { location: '/keys' } }],
    ['are no list', { status: 200, keys: 'none' }],
  ])('let nobody in while they %s, and everybody as soon as they are', async (_, answer) => {
    const find = finder();
    published = answer;
    await expect(find(rs256({ kid: 'rsa' }))).rejects.toMatchObject({ code: 'unavailable', status: 503 });
    published = { status: 200, keys: usual };
    expect(await find(rs256({ kid: 'rsa' }))).toMatchObject({ id: 'ann' });
  });

  test('that cannot be used fail whoever comes with their name, and nobody else', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const broken = { ...jwk('broken', ec.publicKey), x: 'AAAA' };
    published = { status: 200, keys: [...usual, jwk('weak', weak.publicKey), broken] };
    const find = finder();
    const outcome = (token: string) => find(token).catch(({ code }: { code: string }) => code);
    expect([undefined, 'unavailable']).toContain(await outcome(rs256({ kid: 'weak' }, weak.privateKey)));
    const byBroken = tokenOf(claims(), { alg: 'ES256', kid: 'broken' }, signedWith(ec.privateKey, 'ES256'));
    expect([undefined, 'unavailable']).toContain(await outcome(byBroken));
    expect(await outcome(rs256({ kid: 'rsa' }))).toMatchObject({ id: 'ann' });
  });
});
