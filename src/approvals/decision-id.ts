import { createHash } from 'node:crypto';

/**
 * The id of a decision that whoever asks for it again, in the same words, has again: by it a decision that was made
 * before a crash is known as one's own. Formed as a UUID of version 8, which leaves the bits to us.
 */
export function decisionIdFrom(parts: readonly (string | number)[]): string {
  const hex = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
