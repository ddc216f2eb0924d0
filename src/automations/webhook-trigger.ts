import { z } from 'zod';
import { signatureFaults, signatureFields } from './signature.ts';
import { decodeWebhookKey } from './webhook-secret.ts';

const SHORTEST_SECRET = 8;
const LONGEST_SECRET = 512;

const secret = z
  .string()
  .min(SHORTEST_SECRET, `must have at least ${SHORTEST_SECRET} characters`)
  .max(LONGEST_SECRET, `must have at most ${LONGEST_SECRET} characters`)
  .regex(/^[^\u0000-\u001f\u007f]+$/, 'must have no control characters')
  .optional()
  .meta({
    writeOnly: true,
    description:
      'What the sender signs with, or shows; made if absent. Answered once, when it is made or changed.',
  });

/** As its owner gives it. What is kept has no secret in it. */
export const webhookTriggerSchema = z
  .strictObject({ type: z.literal('webhook'), ...signatureFields, secret })
  .superRefine((trigger, context) => {
    const fault = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    for (const { path, message } of signatureFaults(trigger)) fault(path, message);
    if (trigger.secret === undefined) return;
    const { signature } = trigger;
    if (signature === 'none') fault(['secret'], 'is for nothing without a signature');
    const isStandard =
      typeof signature === 'object' && 'preset' in signature && signature.preset === 'standard';
    if (isStandard && decodeWebhookKey(trigger.secret) === undefined) {
      fault(['secret'], 'must be whsec_ and a key in base64');
    }
  });

type Given = z.output<typeof webhookTriggerSchema>;

/** As it is kept and shown. */
export type WebhookTrigger = Omit<Given, 'secret'>;

/** False where anybody may set it off. */
export function needsSecret({ signature }: WebhookTrigger): boolean {
  return signature !== 'none';
}

/** A trigger without its secret, and the secret by itself. */
export function takeSecret({ secret, ...trigger }: Given): {
  trigger: WebhookTrigger;
  secret: string | undefined;
} {
  return { trigger, secret };
}
