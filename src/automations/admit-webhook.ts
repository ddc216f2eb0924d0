import { Problem } from '../problems/problem.ts';
import type { Webhook } from './find-webhook.ts';
import { readSecret, type SecretDeps } from './trigger-secret.ts';
import { type SignatureFault, type SignedRequest, verifySignature } from './verify-signature.ts';

const TOLD: Record<SignatureFault, string> = {
  'signature-missing': 'There is no signature in the header that it is looked for in',
  'signature-wrong': 'The signature does not fit the body and the secret',
  'header-repeated': 'A header that counts for the signature comes more than once',
  'id-missing': 'The header with the id of the delivery, which is signed, is missing',
  'timestamp-missing': 'The time of signing is missing',
  'timestamp-out-of-window': 'It was signed too long ago, or in the future',
};

/**
 * Lets in what the webhook's sender has sent, while the automation is not paused.
 * @returns the bytes that the signature stands for, if there is one
 * @throws Problem bad-signature, automation-paused, secret-unreadable
 */
export function admitWebhook(deps: SecretDeps, webhook: Webhook, request: SignedRequest): Buffer | undefined {
  const verdict = verifySignature(webhook.trigger, readSecret(deps, webhook), request, Date.now());
  if (!verdict.ok) throw new Problem('bad-signature', TOLD[verdict.reason]);
  refusePaused(webhook);
  return verdict.covered;
}

/** @throws Problem automation-paused */
export function refusePaused({ enabled }: Pick<Webhook, 'enabled'>): void {
  if (!enabled) throw new Problem('automation-paused', 'The automation is paused');
}
