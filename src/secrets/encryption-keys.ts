import { createHash } from 'node:crypto';

const KEY_BYTES = 32;
const BASE64_KEY = /^[A-Za-z0-9+/]{43}=$/;

/** A key that secrets are encrypted with. */
export interface EncryptionKey {
  /** Says which key it was without saying anything of it; stands in what it encrypts. */
  id: string;
  bytes: Buffer;
}

/** The first encrypts; all decrypt, so that one can be replaced while what it encrypted is still there. */
export type EncryptionKeys = readonly [EncryptionKey, ...EncryptionKey[]];

/**
 * Reads keys of 32 bytes each in base64, separated by commas.
 * @throws Error that says what they must be, and nothing of what they are
 */
export function parseEncryptionKeys(text: string): EncryptionKeys {
  const [first, ...more] = text.split(',').map((each) => toKey(each.trim()));
  if (first === undefined) throw invalid();
  return [first, ...more];
}

function toKey(base64: string): EncryptionKey {
  const bytes = Buffer.from(base64, 'base64');
  if (!BASE64_KEY.test(base64) || bytes.length !== KEY_BYTES) throw invalid();
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 8), bytes };
}

function invalid(): Error {
  return new Error(
    'must be 32 bytes in base64, or several such separated by commas; make one with: openssl rand -base64 32',
  );
}
