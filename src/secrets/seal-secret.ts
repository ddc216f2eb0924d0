import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { EncryptionKey, EncryptionKeys } from './encryption-keys.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FORMAT = /^v1\.([0-9a-f]{8})\.([A-Za-z0-9_-]+)$/;

/** What was sealed cannot be opened: its key is not configured any more, or it is not what was sealed for this. */
export class SecretUnreadable extends Error {
  override readonly name = 'SecretUnreadable';
}

/**
 * Encrypts a secret for the database: `v1.{key id}.{nonce, ciphertext, tag}`. It opens for whom it was sealed only,
 * so that who can write to the table cannot move it to another row and have it used there.
 * @param owner what the secret belongs to, such as the id of an automation
 */
export function sealSecret([key]: EncryptionKeys, owner: string, secret: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key.bytes, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(key.id, owner));
  const sealed = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `v1.${key.id}.${sealed.toString('base64url')}`;
}

/** @throws SecretUnreadable, which says nothing of the secret */
export function openSecret(keys: readonly EncryptionKey[], owner: string, sealed: string): string {
  const [, keyId, text] = FORMAT.exec(sealed) ?? [];
  if (keyId === undefined || text === undefined) throw new SecretUnreadable('This is no sealed secret');
  const key = keys.find(({ id }) => id === keyId);
  if (key === undefined) throw new SecretUnreadable(`The encryption key ${keyId} is not configured`);
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new SecretUnreadable('This is no sealed secret');
  const cipher = createDecipheriv(CIPHER, key.bytes, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  cipher.setAAD(boundTo(key.id, owner));
  cipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const opened = cipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([opened, cipher.final()]).toString('utf8');
  } catch {
    throw new SecretUnreadable('The sealed secret was changed, or belongs to something else');
  }
}

/** True for what an older key has sealed: sealed again, it does not need that key any more. */
export function isSealedByOlderKey([key]: EncryptionKeys, sealed: string): boolean {
  return FORMAT.exec(sealed)?.[1] !== key.id;
}

function boundTo(keyId: string, owner: string): Buffer {
  return Buffer.from(`outlast:v1:${keyId}:${owner}`);
}
