import type { Challenge } from '../generated.ts';

/**
 * Does the work that a challenge asks for: tries numbers until the key made of one begins as it should, 256 in the
 * mean. The browser derives keys beside the page, which stays responsive.
 */
export async function solveChallenge(
  { parameters }: Challenge,
  signal?: AbortSignal,
): Promise<{ counter: number; derivedKey: string }> {
  const { nonce, salt, cost, keyLength, keyPrefix } = parameters;
  const { subtle } = crypto as { subtle?: typeof crypto.subtle };
  if (subtle === undefined) throw new Error('Browsers solve challenges only on pages that came over https');
  const derivation = { name: 'PBKDF2', hash: 'SHA-256', salt: fromHex(salt), iterations: cost };
  const password = fromHex(`${nonce}00000000`);
  const counterAtEnd = new DataView(password.buffer, password.length - 4);
  for (let counter = 0; ; counter++) {
    signal?.throwIfAborted();
    counterAtEnd.setUint32(0, counter);
    const key = await subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits']);
    const derivedKey = toHex(await subtle.deriveBits(derivation, key, keyLength * 8));
    if (derivedKey.startsWith(keyPrefix)) return { counter, derivedKey };
  }
}

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

function toHex(bits: ArrayBuffer): string {
  return Array.from(new Uint8Array(bits), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
