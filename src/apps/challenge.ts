import { createChallenge } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import { z } from 'zod';
import type { App } from './find-app.ts';

/** What a challenge is made for, and signed with. */
export type ChallengingApp = Pick<App, 'id' | 'difficulty' | 'challengeSecret'>;

export const CHALLENGE_LIFETIME_MS = 300_000;

const ALGORITHM = 'PBKDF2/SHA-256';
/** In bytes. */
const KEY_LENGTH = 32;
/** One try in 256 begins like this. */
const KEY_PREFIX = '00';

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));

/** A proof of work as the ALTCHA widget takes it. Only ours are of this shape: what costs more to check is none. */
export const challengeSchema = z
  .object({
    parameters: z.object({
      algorithm: z.literal(ALGORITHM),
      cost: z.int().min(1).max(1_000_000).meta({ description: 'Iterations of one try.' }),
      data: z.object({ app: z.uuid() }),
      expiresAt: z.int().min(0).meta({ description: 'In seconds since 1970.' }),
      keyLength: z.literal(KEY_LENGTH),
      keyPrefix: z.literal(KEY_PREFIX),
      nonce: hex(16),
      salt: hex(16),
    }),
    signature: hex(32),
  })
  .meta({ id: 'Challenge' });

export type Challenge = z.output<typeof challengeSchema>;

/** A challenge and what solves it. */
export const solutionSchema = z.object({
  challenge: challengeSchema,
  solution: z.object({
    counter: z.int().min(0).max(0xffffffff),
    derivedKey: hex(KEY_LENGTH),
  }),
});

export type Solution = z.output<typeof solutionSchema>;

/** Makes a challenge of an app: an HMAC, for the server does none of the work. Nothing is stored until it is solved. */
export async function makeChallenge(app: ChallengingApp): Promise<Challenge> {
  const challenge = await createChallenge({
    algorithm: ALGORITHM,
    cost: app.difficulty,
    data: { app: app.id },
    deriveKey,
    expiresAt: new Date(Date.now() + CHALLENGE_LIFETIME_MS),
    hmacSignatureSecret: signingSecret(app),
    keyLength: KEY_LENGTH,
    keyPrefix: KEY_PREFIX,
  });
  return challenge as Challenge;
}

/** As text, which is what ALTCHA signs with. */
export function signingSecret({ challengeSecret }: Pick<ChallengingApp, 'challengeSecret'>): string {
  return challengeSecret.toString('base64url');
}
