import { createHash } from 'node:crypto';
import type { SignatureConfig } from './signature.ts';
import type { WebhookHeaders } from './verify-signature.ts';

/** Where the senders that have a preset say which delivery it is: a header, or a field of the body. */
const PRESET_IDS = {
  github: { header: 'x-github-delivery' },
  stripe: { fields: ['id'] },
  slack: { fields: ['event_id', 'trigger_id'] },
  standard: { header: 'webhook-id' },
} as const satisfies Record<string, { header?: string; fields?: readonly string[] }>;

/** Not for signed requests: it is not signed, and who has caught one could send it again under another. */
const UNSIGNED_HEADER = 'idempotency-key';
const PLAIN = /^[\u0021-\u007e]{1,200}$/;

/**
 * What makes a delivery the same as another, so that one that is sent again starts nothing. In this order: the header
 * that the trigger names; what the preset's sender says; without a signature, `Idempotency-Key`. Where none is there, a
 * signature stands for the bytes that it covers: what was signed once counts once, whoever sends it again. Without a
 * signature, each request is a delivery of its own: the same body twice may well be meant twice.
 * @param covered the bytes that the signature stands for, if any
 * @param requestId of this request alone, the same for every try to take it
 */
export function deliveryId(
  { signature, dedupeHeader }: SignatureConfig,
  headers: WebhookHeaders,
  payload: unknown,
  covered: Buffer | undefined,
  requestId: string,
): string {
  const preset: { header?: string; fields?: readonly string[] } =
    typeof signature === 'object' && 'preset' in signature ? PRESET_IDS[signature.preset] : {};
  const usual = covered === undefined ? UNSIGNED_HEADER : preset.header;
  const given =
    headerOf(headers, dedupeHeader ?? usual) ??
    (dedupeHeader === undefined ? fieldOf(payload, preset.fields ?? []) : undefined);
  if (given !== undefined) return PLAIN.test(given) ? `id:${given}` : `id-sha256:${sha256(given)}`;
  return covered === undefined ? `once:${requestId}` : `signed:${sha256(covered)}`;
}

function headerOf(headers: WebhookHeaders, name: string | undefined): string | undefined {
  const value = (name === undefined ? undefined : headers[name])?.join(', ');
  return value === '' ? undefined : value;
}

function fieldOf(payload: unknown, names: readonly string[]): string | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined;
  const fields = payload as Record<string, unknown>;
  return names.map((name) => (Object.hasOwn(fields, name) ? fields[name] : undefined)).find(isText);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
