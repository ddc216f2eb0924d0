import { Problem } from '../problems/problem.ts';
import type { EncryptionKeys } from '../secrets/encryption-keys.ts';
import { openSecret, SecretUnreadable, sealSecret } from '../secrets/seal-secret.ts';
import type { Trigger } from './settings.ts';
import { type Automation, type AutomationRow, toAutomation } from './view.ts';
import { decodeWebhookKey, makeWebhookSecret } from './webhook-secret.ts';
import { needsSecret, takeSecret } from './webhook-trigger.ts';

/** What secrets are sealed with; undefined where no key is configured. */
export interface SecretDeps {
  readonly encryptionKeys: EncryptionKeys | undefined;
}

/** The columns of a trigger: without its secret, which is sealed for its automation. */
export interface TriggerColumns {
  trigger: Trigger;
  sealedSecret: string | null;
  /** The secret was made just now, and nobody but us knows it. */
  isMade: boolean;
}

/**
 * Takes the secret out of a trigger and seals it: the one that is given, else the one that the automation has already,
 * else a new one.
 * @param kept what is sealed for it already
 * @throws Problem encryption-key-needed, validation-failed, secret-unreadable
 */
export function triggerColumns(
  deps: SecretDeps,
  automationId: string,
  given: Trigger,
  kept: string | null = null,
): TriggerColumns {
  if (given.type !== 'webhook') return { trigger: given, sealedSecret: null, isMade: false };
  const { trigger, secret } = takeSecret(given);
  if (!needsSecret(trigger)) return { trigger, sealedSecret: null, isMade: false };
  const seal = (text: string) => sealSecret(keysOf(deps), automationId, text);
  if (secret !== undefined) return { trigger, sealedSecret: seal(secret), isMade: false };
  if (kept === null) return { trigger, sealedSecret: seal(makeWebhookSecret()), isMade: true };
  if (isStandard(trigger)) refuseUnfit(readSecret(deps, { id: automationId, sealedSecret: kept }));
  return { trigger, sealedSecret: kept, isMade: false };
}

/** An automation as it was just saved. Nothing in it is secret, so that it can be kept for who asks again. */
export interface SavedAutomation {
  automation: Automation;
  /** Sealed, if it was made for this and has to be shown. */
  madeSecret: string | null;
}

export function savedAutomation(row: AutomationRow, isMade: boolean): SavedAutomation {
  return { automation: toAutomation(row), madeSecret: isMade ? row.sealedSecret : null };
}

/** What is answered: with the secret, if it was made for this. */
export function revealSecret(deps: SecretDeps, { automation, madeSecret }: SavedAutomation): Automation {
  const { id, trigger } = automation;
  const secret = readSecret(deps, { id, sealedSecret: madeSecret });
  return secret === undefined ? automation : { ...automation, trigger: { ...trigger, secret } as Trigger };
}

/** The secret of a webhook; undefined where it has none. @throws Problem secret-unreadable */
export function readSecret(
  { encryptionKeys }: SecretDeps,
  { id, sealedSecret }: Pick<AutomationRow, 'id' | 'sealedSecret'>,
): string | undefined {
  if (sealedSecret === null) return undefined;
  try {
    return openSecret(encryptionKeys ?? [], id, sealedSecret);
  } catch (cause) {
    if (!(cause instanceof SecretUnreadable)) throw cause;
    // Whoever asks may try again until somebody has put the key back.
    const headers = { 'retry-after': '60' };
    throw new Problem('secret-unreadable', 'The secret of this webhook cannot be read', { cause, headers });
  }
}

function keysOf({ encryptionKeys }: SecretDeps): EncryptionKeys {
  if (encryptionKeys !== undefined) return encryptionKeys;
  const detail = 'A webhook with a secret needs OUTLAST_ENCRYPTION_KEY to be set, the same for every process';
  throw new Problem('encryption-key-needed', detail);
}

function isStandard(trigger: Trigger): boolean {
  if (trigger.type !== 'webhook' || typeof trigger.signature !== 'object') return false;
  return 'preset' in trigger.signature && trigger.signature.preset === 'standard';
}

/** What was a secret for another kind of signature need not be a key here. */
function refuseUnfit(secret: string | undefined): void {
  if (secret !== undefined && decodeWebhookKey(secret) !== undefined) return;
  const errors = [
    { pointer: '/trigger/secret', message: 'is needed: the one that it has is no key in base64' },
  ];
  throw new Problem('validation-failed', 'The secret of the automation does not fit its signature', {
    errors,
  });
}
