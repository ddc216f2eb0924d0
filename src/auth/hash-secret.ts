import { createHash } from 'node:crypto';

/** What is stored of a secret of 256 random bits: these cannot be tried out, so that plain SHA-256 will do. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
