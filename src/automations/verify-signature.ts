import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { HmacSignature, SignatureConfig } from './signature.ts';
import { type SignatureScheme, schemeOf } from './signature-scheme.ts';
import { parseTimestamp } from './webhook-timestamp.ts';

/** Headers by their names in small letters, each with every value that was sent (`req.headersDistinct`). */
export type WebhookHeaders = Readonly<Record<string, readonly string[] | undefined>>;

/** A request as its sender signed it. */
export interface SignedRequest {
  headers: WebhookHeaders;
  /** The bytes that came, before anything was read from them. */
  rawBody: Buffer;
}

/** Why a request is not its sender's. None of these helps in making one that is. */
export type SignatureFault =
  | 'signature-missing'
  | 'signature-wrong'
  | 'header-repeated'
  | 'id-missing'
  | 'timestamp-missing'
  | 'timestamp-out-of-window';

export type Verdict =
  /** `covered`: the bytes that the signature stands for; undefined where it stands for none. */
  { ok: true; covered: Buffer | undefined } | { ok: false; reason: SignatureFault };

/**
 * Says whether a request comes from whoever knows the secret. Everything is compared in a time that does not depend
 * on what is compared, and the time of signing counts only once the signature is right.
 * @param now milliseconds since 1970
 */
export function verifySignature(
  config: SignatureConfig,
  secret: string | undefined,
  request: SignedRequest,
  now: number,
): Verdict {
  const { signature } = config;
  if (signature === 'none') return { ok: true, covered: undefined };
  if (secret === undefined || secret === '') return refused('signature-wrong');
  if ('preset' in signature || 'encoding' in signature) {
    return verifyHmac(config, schemeOf(signature, config), secret, request, now);
  }
  return verifyPlain(signature, secret, request);
}

function verifyPlain(
  { header, prefix }: Exclude<SignatureConfig['signature'], string | HmacSignature | { preset: unknown }>,
  secret: string,
  { headers }: SignedRequest,
): Verdict {
  const [value, ...more] = headers[header] ?? [];
  if (value === undefined || value === '') return refused('signature-missing');
  if (more.length > 0) return refused('header-repeated');
  const isRight = isSame(bytesOf(value), Buffer.from(`${prefix}${secret}`));
  return isRight ? { ok: true, covered: undefined } : refused('signature-wrong');
}

function verifyHmac(
  { toleranceSeconds }: SignatureConfig,
  scheme: SignatureScheme,
  secret: string,
  { headers, rawBody }: SignedRequest,
  now: number,
): Verdict {
  const names = [scheme.header, scheme.timestampHeader, scheme.idHeader].filter((name) => name !== undefined);
  if (names.some((name) => (headers[name]?.length ?? 0) > 1)) return refused('header-repeated');
  const valueOf = (name: string | undefined) => (name === undefined ? undefined : headers[name]?.[0]);
  const value = valueOf(scheme.header);
  if (value === undefined || value === '') return refused('signature-missing');
  const content = scheme.readHeader(value);
  const timestamp = content.timestamp ?? valueOf(scheme.timestampHeader);
  const id = valueOf(scheme.idHeader);
  const isSigned = (part: string) => scheme.signedPayload.includes(part);
  if (isSigned('{timestamp}') && !timestamp) return refused('timestamp-missing');
  if (isSigned('{id}') && !id) return refused('id-missing');
  const covered = fill(scheme.signedPayload, { timestamp, id, rawBody });
  if (!isAnyRight(scheme, secret, content.signatures, covered)) return refused('signature-wrong');
  if (isSigned('{timestamp}') && !isNear(timestamp ?? '', now, toleranceSeconds * 1000)) {
    return refused('timestamp-out-of-window');
  }
  return { ok: true, covered };
}

/** All are looked at, whichever is right. */
function isAnyRight(
  { algorithm, encoding, toKey }: SignatureScheme,
  secret: string,
  signatures: readonly string[],
  covered: Buffer,
): boolean {
  const key = toKey(secret);
  if (key === undefined) return false;
  const expected = Buffer.from(createHmac(algorithm, key).update(covered).digest(encoding));
  // As text: base64 has bits at its end that decode to nothing. In hex, capital letters are the same digits.
  const written = (text: string) => bytesOf(encoding === 'hex' ? text.toLowerCase() : text);
  return signatures.map((each) => isSame(written(each), expected)).includes(true);
}

/** Puts the bytes as they came in the place of the names. */
function fill(
  signedPayload: string,
  {
    timestamp = '',
    id = '',
    rawBody,
  }: { timestamp?: string | undefined; id?: string | undefined; rawBody: Buffer },
): Buffer {
  const values: Record<string, Buffer> = {
    '{timestamp}': bytesOf(timestamp),
    '{id}': bytesOf(id),
    '{body}': rawBody,
  };
  const parts = signedPayload.split(/(\{(?:timestamp|id|body)\})/);
  return Buffer.concat(parts.map((part) => values[part] ?? Buffer.from(part)));
}

function isNear(timestamp: string, now: number, toleranceMs: number): boolean {
  const at = parseTimestamp(timestamp);
  return at !== undefined && Math.abs(now - at) <= toleranceMs;
}

/** The bytes of a header's value: Node reads each as a character. */
function bytesOf(value: string): Buffer {
  return Buffer.from(value, 'latin1');
}

/** Hashed first, so that both have one length and the time says nothing of it. */
function isSame(given: Buffer, expected: Buffer): boolean {
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
  return timingSafeEqual(hash(given), hash(expected));
}

function refused(reason: SignatureFault): Verdict {
  return { ok: false, reason };
}
