import { expect, test } from '@jest/globals';
import { solveChallenge as solveLikeAltcha } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import { solveChallenge } from '../../packages/client/src/apps/solve-challenge.ts';
import { makeChallenge } from '../../src/apps/challenge.ts';

const app = {
  id: '01a1fcc5-ff05-7b76-b878-98dcc5433823',
  difficulty: 2,
  challengeSecret: Buffer.alloc(32, 1),
};

test('finds what ALTCHA finds', async () => {
  for (let n = 0; n < 5; n++) {
    const challenge = await makeChallenge(app);
    const { counter, derivedKey } = (await solveLikeAltcha({ challenge, deriveKey })) ?? {};
    expect(await solveChallenge(challenge)).toEqual({ counter, derivedKey });
  }
});

test('stops when it is not needed any more', async () => {
  const challenge = await makeChallenge(app);
  const stopped = AbortSignal.abort(new Error('The page has gone'));
  await expect(solveChallenge(challenge, stopped)).rejects.toThrow('The page has gone');
});
