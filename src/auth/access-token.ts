import { createHash, randomBytes } from 'node:crypto';

/** By which people and logs can tell what it is; 256 random bits follow. */
const FORMAT = /^ot_[A-Za-z0-9_-]{43}$/;

/** A new token: given out once, and stored as its hash only. */
export function makeAccessToken(): { token: string; hash: string } {
  const token = `ot_${randomBytes(32).toString('base64url')}`;
  return { token, hash: hashOfToken(token) };
}

export function isAccessToken(text: string): boolean {
  return FORMAT.test(text);
}

/** Plain SHA-256 will do: 256 random bits cannot be tried out. */
export function hashOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
