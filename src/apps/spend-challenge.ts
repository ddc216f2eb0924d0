import type { Transaction } from '../db/database.ts';
import { spentChallenges } from '../db/schema.ts';
import { Problem } from '../problems/problem.ts';
import type { SolvedChallenge } from './check-solution.ts';
import type { App } from './find-app.ts';

/**
 * Takes a solved challenge for what the transaction goes on to give for it. Of several at once one gets it; the
 * others wait for its commit, and one of them gets it if that fails.
 * @throws Problem solution-spent
 */
export async function spendChallenge(
  tx: Transaction,
  { id: appId, tenantId }: Pick<App, 'id' | 'tenantId'>,
  { signature, expiresAt }: SolvedChallenge,
): Promise<void> {
  const taken = await tx
    .insert(spentChallenges)
    .values({ appId, tenantId, challenge: signature, expiresAt })
    .onConflictDoNothing()
    .returning({ challenge: spentChallenges.challenge });
  if (taken.length === 0)
    throw new Problem('solution-spent', 'A session was given for this: solve another one');
}
