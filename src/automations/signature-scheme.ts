import type { HmacSignature, SignatureConfig } from './signature.ts';
import { decodeWebhookKey } from './webhook-secret.ts';

/** What a signature header says: one signature or several, and sometimes when they were made. */
export interface HeaderContent {
  signatures: string[];
  timestamp?: string | undefined;
}

/** How an HMAC is made and where it is found. All names of headers are in small letters. */
export interface SignatureScheme {
  header: string;
  algorithm: 'sha1' | 'sha256' | 'sha512';
  encoding: 'hex' | 'base64';
  /** What is signed, with `{body}`, `{timestamp}` and `{id}`. */
  signedPayload: string;
  timestampHeader?: string | undefined;
  idHeader?: string | undefined;
  readHeader(value: string): HeaderContent;
  /** The key of the HMAC; undefined when the secret cannot be one. */
  toKey(secret: string): Buffer | undefined;
}

const asText = (secret: string) => Buffer.from(secret, 'utf8');

/** One signature behind a prefix. */
const behind = (prefix: string) => (value: string) => ({
  signatures: value.startsWith(prefix) ? [value.slice(prefix.length)] : [],
});

const PRESETS = {
  github: {
    header: 'x-hub-signature-256',
    algorithm: 'sha256',
    encoding: 'hex',
    signedPayload: '{body}',
    readHeader: behind('sha256='),
    toKey: asText,
  },
  stripe: {
    header: 'stripe-signature',
    algorithm: 'sha256',
    encoding: 'hex',
    signedPayload: '{timestamp}.{body}',
    readHeader: readStripeHeader,
    toKey: asText,
  },
  slack: {
    header: 'x-slack-signature',
    algorithm: 'sha256',
    encoding: 'hex',
    signedPayload: 'v0:{timestamp}:{body}',
    timestampHeader: 'x-slack-request-timestamp',
    readHeader: behind('v0='),
    toKey: asText,
  },
  standard: {
    header: 'webhook-signature',
    algorithm: 'sha256',
    encoding: 'base64',
    signedPayload: '{id}.{timestamp}.{body}',
    timestampHeader: 'webhook-timestamp',
    idHeader: 'webhook-id',
    readHeader: (value) => ({
      signatures: value.split(' ').flatMap((each) => behind('v1,')(each).signatures),
    }),
    toKey: decodeWebhookKey,
  },
} as const satisfies Record<string, SignatureScheme>;

/** The scheme of a trigger whose requests are signed. */
export function schemeOf(
  signature: HmacSignature | { preset: keyof typeof PRESETS },
  { timestampHeader, dedupeHeader }: Pick<SignatureConfig, 'timestampHeader' | 'dedupeHeader'>,
): SignatureScheme {
  if ('preset' in signature) return PRESETS[signature.preset];
  const { prefix, ...scheme } = signature;
  return { ...scheme, timestampHeader, idHeader: dedupeHeader, readHeader: behind(prefix), toKey: asText };
}

/** `t=1492774577,v1=…,v1=…,v0=…`: while a secret is replaced there are two of `v1`. */
function readStripeHeader(value: string): HeaderContent {
  const fields = value.split(',').map((field) => field.trim());
  const valuesOf = (name: string) => fields.flatMap((field) => behind(`${name}=`)(field).signatures);
  const [timestamp, ...more] = valuesOf('t');
  return { signatures: more.length > 0 ? [] : valuesOf('v1'), timestamp };
}
