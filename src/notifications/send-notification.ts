import { Webhook } from 'standardwebhooks';
import type { DeliveryOutcome } from '../../workflows/deliver-notification.ts';
import { packageVersion } from '../config/package.ts';
import { plainText } from '../db/plain-text.ts';
import { OutboundError } from '../outbound/outbound-error.ts';
import type { OutboundResponse, SendOutbound } from '../outbound/request.ts';
import { parseRetryAfter } from './retry-schedule.ts';

/** Milliseconds that a receiver has to answer. */
export const SEND_TIMEOUT_MS = 10_000;
/** Of an answer so much is kept. */
const KEPT_CHARACTERS = 1024;
/** More is read than kept, so that a secret at the edge is seen as a whole. */
const READ_BYTES = 2 * KEPT_CHARACTERS;

/** Who is told. */
export interface Receiver {
  url: URL;
  /** `whsec_` and base64 */
  secret: string;
}

/** Signs a notification as Standard Webhooks has it, sends it once, and judges the answer. */
export async function sendNotification(
  send: SendOutbound,
  receiver: Receiver,
  { id, body }: { id: string; body: string },
): Promise<DeliveryOutcome> {
  const startedAt = performance.now();
  const now = new Date();
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': `Outlast/${packageVersion}`,
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(receiver.secret).sign(id, now, body),
  };
  const request = { method: 'POST', url: receiver.url, headers, body } as const;
  const limits = { timeoutMs: SEND_TIMEOUT_MS, maxBytes: READ_BYTES };
  const judged = await send({ ...request, ...limits }).then(
    (response) => judgeAnswer(response, receiver),
    judgeFault,
  );
  return { ...judged, durationMs: Math.round(performance.now() - startedAt) };
}

type Judged = Omit<DeliveryOutcome, 'durationMs'>;

/** Statuses after which the same may succeed later; so may any from 500 on. */
const PASSING = new Set([408, 425, 429]);

function judgeAnswer({ status, headers, body }: OutboundResponse, receiver: Receiver): Judged {
  const text = plainText(body.toString('utf8')).replaceAll(receiver.secret, '[redacted]');
  const answer = { statusCode: status, response: text.slice(0, KEPT_CHARACTERS), retryAfterMs: null };
  if (status >= 200 && status < 300) return { ...answer, verdict: 'delivered', error: null };
  if (status >= 500 || PASSING.has(status)) {
    const retryAfterMs = parseRetryAfter(headers['retry-after'], Date.now());
    return { ...answer, verdict: 'again', error: 'answered with an error', retryAfterMs };
  }
  const isRedirect = status >= 300 && status < 400;
  return { ...answer, verdict: 'refused', error: isRedirect ? 'redirect not followed' : 'refused' };
}

function judgeFault(error: unknown): Judged {
  if (!(error instanceof OutboundError)) throw error;
  const verdict = error.fault === 'address-refused' ? 'refused' : 'again';
  return { verdict, statusCode: null, error: error.message, response: null, retryAfterMs: null };
}
