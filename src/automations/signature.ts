import { z } from 'zod';

/** How the sender of a webhook proves who it is, as it is kept with the trigger. */

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,100}$/, 'must be the name of a header')
  .toLowerCase();

export const SIGNATURE_PRESETS = ['github', 'stripe', 'slack', 'standard'] as const;

const preset = z.strictObject({ preset: z.enum(SIGNATURE_PRESETS) });

const hmac = z.strictObject({
  header: headerName.meta({ description: 'The header that holds the signature.' }),
  algorithm: z.enum(['sha256', 'sha512', 'sha1']),
  encoding: z.enum(['hex', 'base64']).default('hex'),
  prefix: z.string().max(100).default('').meta({ description: 'What stands before the signature.' }),
  signedPayload: z
    .string()
    .max(200)
    .default('{body}')
    .meta({ description: 'What is signed: text with {body}, and {timestamp} and {id} where they are, too.' }),
});

const plain = z.strictObject({
  header: headerName.meta({ description: 'The header that holds the secret itself.' }),
  algorithm: z.literal('plain'),
  prefix: z.string().max(100).default('').meta({ description: 'What stands before it, such as `Bearer `.' }),
});

/** The part of a webhook trigger that says which requests are its sender's. */
export const signatureFields = {
  signature: z.union([preset, hmac, plain, z.literal('none')], {
    error: 'must be a preset, a description of a signature, or none',
  }),
  dedupeHeader: headerName
    .optional()
    .meta({ description: 'The header that holds the id of a delivery, where it is not the usual one.' }),
  timestampHeader: headerName
    .optional()
    .meta({ description: 'The header that holds the time of signing, where no preset says it.' }),
  toleranceSeconds: z
    .int()
    .min(1)
    .max(86_400)
    .default(300)
    .meta({ description: 'How far the time of signing may be from now, either way.' }),
};

const fields = z.strictObject(signatureFields);

/** What decides whether a request is its sender's. */
export type SignatureConfig = z.output<typeof fields>;
export type HmacSignature = z.output<typeof hmac>;

/** What is wrong between the fields, each with where it is; to be asked when a trigger is saved. */
export function signatureFaults(config: SignatureConfig): { path: string[]; message: string }[] {
  const { signature, timestampHeader, dedupeHeader } = config;
  const isHmac = typeof signature === 'object' && 'encoding' in signature;
  const signs = (part: string) => isHmac && signature.signedPayload.includes(part);
  const faults: { path: string[]; message: string }[] = [];
  const fault = (path: string[], message: string) => faults.push({ path, message });
  if (isHmac && !signs('{body}'))
    fault(['signature', 'signedPayload'], 'must have {body}: what is not signed can be changed');
  if (signs('{timestamp}') && timestampHeader === undefined)
    fault(['timestampHeader'], 'is needed for {timestamp}');
  if (signs('{id}') && dedupeHeader === undefined) fault(['dedupeHeader'], 'is needed for {id}');
  if (timestampHeader !== undefined && !signs('{timestamp}')) {
    fault(
      ['timestampHeader'],
      'must be signed, with {timestamp} in signature.signedPayload: anybody could change it',
    );
  }
  return faults;
}
