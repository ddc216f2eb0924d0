import { createHmac, type KeyObject, sign as signBytes } from 'node:crypto';

export const SECRET = 'a secret of tests that has more than 32 characters';
export const ISSUER = 'https://issuer.example.com/';
export const AUDIENCE = 'outlast';

/** What a server is started with to take API keys and the tokens that `userToken` makes. */
export const AUTH_ENV = {
  OUTLAST_AUTH: 'keys',
  OUTLAST_JWT_SECRET: SECRET,
  OUTLAST_JWT_ISSUER: ISSUER,
  OUTLAST_JWT_AUDIENCE: AUDIENCE,
  OUTLAST_JWT_TENANT_CLAIM: 'org',
};

type Claims = Record<string, unknown>;

/** Claims that are good for a minute and more; undefined takes one away. */
export function claims(changes: Claims = {}): Claims {
  const now = nowSeconds();
  return { iss: ISSUER, aud: AUDIENCE, sub: 'ann', org: 'acme', iat: now, exp: now + 300, ...changes };
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** A token by hand, so that it can be wrong in every way. */
export function tokenOf(
  payload: Claims,
  header: Record<string, unknown> = { alg: 'HS256' },
  sign: (text: string) => Buffer = hs256(SECRET),
): string {
  const text = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${sign(text).toString('base64url')}`;
}

export function hs256(secret: string | Buffer): (text: string) => Buffer {
  return (text) => createHmac('sha256', secret).update(text).digest();
}

export function signedWith(key: KeyObject, alg: 'RS256' | 'ES256' | 'EdDSA'): (text: string) => Buffer {
  const hash = alg === 'EdDSA' ? null : 'sha256';
  return (text) => signBytes(hash, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
}

/** A request's headers as a user of the tests' issuer. */
export function asUser(changes: Claims = {}): { authorization: string } {
  return { authorization: `Bearer ${tokenOf(claims(changes))}` };
}
