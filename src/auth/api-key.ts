import { randomBytes } from 'node:crypto';
import { hashSecret } from './hash-secret.ts';

/** A key as it is given out: a prefix that may be shown, and 256 random bits that nobody can guess. */
const FORMAT = /^(ok_live_[0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

export interface NewSecret {
  /** The whole key: shown once, and stored nowhere. */
  key: string;
  prefix: string;
  hash: string;
}

export function makeSecret(): NewSecret {
  const prefix = `ok_live_${randomBytes(6).toString('hex')}`;
  const key = `${prefix}_${randomBytes(32).toString('base64url')}`;
  return { key, prefix, hash: hashSecret(key) };
}

/** The prefix of what looks like a key. */
export function prefixOf(key: string): string | undefined {
  return FORMAT.exec(key)?.[1];
}
