import { verifySolution } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import { Problem } from '../problems/problem.ts';
import { type ChallengingApp, type Solution, signingSecret, solutionSchema } from './challenge.ts';

/** A challenge that was solved, and may not have been spent yet. */
export interface SolvedChallenge {
  /** No two have the same. */
  signature: string;
  expiresAt: Date;
}

/**
 * Holds a solution to the challenge that it says it solves. That the app has made the challenge comes first: only
 * then does the server spend a try of that cost itself, in a thread of its own.
 * @param sent a solution, or its JSON in base64, as the ALTCHA widget gives it
 * @throws Problem challenge-expired, solution-invalid
 */
export async function checkSolution(app: ChallengingApp, sent: Solution | string): Promise<SolvedChallenge> {
  const { challenge, solution } = typeof sent === 'string' ? unpack(sent) : sent;
  const { expired, verified } = await verifySolution({
    challenge,
    solution,
    deriveKey,
    hmacSignatureSecret: signingSecret(app),
  });
  if (expired) throw new Problem('challenge-expired', 'The time to solve this is over: ask for another one');
  if (!verified || challenge.parameters.data.app !== app.id) throw invalid();
  return { signature: challenge.signature, expiresAt: new Date(challenge.parameters.expiresAt * 1000) };
}

function unpack(text: string): Solution {
  const parsed = solutionSchema.safeParse(parseJson(Buffer.from(text, 'base64').toString()));
  if (parsed.success) return parsed.data;
  throw invalid();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invalid(): Problem {
  return new Problem('solution-invalid', 'This solves no challenge of this app');
}
