import { randomBytes } from 'node:crypto';
import { hashSecret } from './hash-secret.ts';

/** By which people and logs can tell what it is; 256 random bits follow. */
const PREFIX = { stream: 'ot_', session: 'os_' } as const;
const FORMAT = /^o[ts]_[A-Za-z0-9_-]{43}$/;

export type AccessTokenKind = keyof typeof PREFIX;

/** A new token: given out once, and stored as its hash only. */
export function makeAccessToken(kind: AccessTokenKind): { token: string; hash: string } {
  const token = `${PREFIX[kind]}${randomBytes(32).toString('base64url')}`;
  return { token, hash: hashSecret(token) };
}

export function isAccessToken(text: string): boolean {
  return FORMAT.test(text);
}

/** Whether it looks like a token of this kind. */
export function isOfKind(token: string, kind: AccessTokenKind): boolean {
  return token.startsWith(PREFIX[kind]);
}
