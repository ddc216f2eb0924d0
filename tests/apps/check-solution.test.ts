import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createChallenge } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import {
  type ChallengingApp,
  makeChallenge,
  type Solution,
  signingSecret,
} from '../../src/apps/challenge.ts';
import { checkSolution } from '../../src/apps/check-solution.ts';
import { solve, toBase64 } from './world.ts';

function anApp(fields: Partial<ChallengingApp> = {}): ChallengingApp {
  return { id: randomUUID(), difficulty: 3, challengeSecret: randomBytes(32), ...fields };
}

const app = anApp();

/** A solution of a challenge of the app, of which something was changed afterwards. */
async function changed(change: (solution: Solution) => void): Promise<Solution> {
  const solution = await solve(await makeChallenge(app));
  change(solution);
  return solution;
}

/** A challenge with the app's signature, of a kind that the app does not make. */
async function signedOther(options: object): Promise<unknown> {
  return createChallenge({
    algorithm: 'PBKDF2/SHA-256',
    cost: 3,
    data: { app: app.id },
    deriveKey,
    expiresAt: new Date(Date.now() + 60_000),
    hmacSignatureSecret: signingSecret(app),
    ...options,
  });
}

const code = (expected: string) => expect.objectContaining({ code: expected });

test('a solution is taken as JSON, and in base64 as the widget sends it', async () => {
  const solution = await solve(await makeChallenge(app));
  const { signature, parameters } = solution.challenge;
  const solved = { signature, expiresAt: new Date(parameters.expiresAt * 1000) };
  expect(await checkSolution(app, solution)).toEqual(solved);
  expect(await checkSolution(app, toBase64(solution))).toEqual(solved);
  expect(await checkSolution(app, toBase64({ ...solution, took: 7 }))).toEqual(solved);
});

test('two challenges are never the same', async () => {
  const all = await Promise.all(Array.from({ length: 50 }, () => makeChallenge(app)));
  expect(new Set(all.map(({ signature }) => signature)).size).toBe(50);
});

describe('refused is', () => {
  test.each<[string, (solution: Solution) => void]>([
    ['another counter', ({ solution }) => solution.counter++],
    ['another key', ({ solution }) => (solution.derivedKey = `00${'a'.repeat(62)}`)],
    ['a lower cost', ({ challenge }) => (challenge.parameters.cost = 1)],
    ['a huge cost', ({ challenge }) => (challenge.parameters.cost = 1_000_000)],
    ['another nonce', ({ challenge }) => (challenge.parameters.nonce = 'a'.repeat(32))],
    ['another salt', ({ challenge }) => (challenge.parameters.salt = 'a'.repeat(32))],
    ['more time', ({ challenge }) => challenge.parameters.expiresAt++],
    ['another app', ({ challenge }) => (challenge.parameters.data.app = randomUUID())],
    ['another signature', ({ challenge }) => (challenge.signature = 'a'.repeat(64))],
  ])('%s than what was signed', async (_, change) => {
    const sent = await changed(change);
    await expect(checkSolution(app, sent)).rejects.toEqual(code('solution-invalid'));
    await expect(checkSolution(app, toBase64(sent))).rejects.toEqual(code('solution-invalid'));
  });

  test('the solution of another app, also of one that signs with the same secret', async () => {
    const solution = await solve(await makeChallenge(app));
    await expect(checkSolution(anApp(), solution)).rejects.toEqual(code('solution-invalid'));
    const twin = anApp({ challengeSecret: app.challengeSecret });
    await expect(checkSolution(twin, solution)).rejects.toEqual(code('solution-invalid'));
  });

  test('one that comes too late', async () => {
    const challenge = (await signedOther({
      expiresAt: new Date(Date.now() - 2000),
    })) as Solution['challenge'];
    await expect(checkSolution(app, await solve(challenge))).rejects.toEqual(code('challenge-expired'));
  });

  test.each([
    ['another algorithm', { algorithm: 'PBKDF2/SHA-512' }],
    ['an easier prefix', { keyPrefix: '0' }],
    ['a shorter key', { keyLength: 1 }],
  ])('%s, whoever signed it', async (_, options) => {
    const solution = await solve((await signedOther(options)) as Solution['challenge']);
    await expect(checkSolution(app, toBase64(solution))).rejects.toEqual(code('solution-invalid'));
  });

  test('work that was asked for by others is not done for them', async () => {
    // It would take an hour to look at.
    const sent = await changed(({ challenge }) => (challenge.parameters.cost = 1_000_000_000));
    await expect(checkSolution(app, sent)).rejects.toEqual(code('solution-invalid'));
  });

  const deep = `${'['.repeat(2000)}${']'.repeat(2000)}`;
  test.each<[string, string]>([
    ['nothing', ''],
    ['what is no base64', '§§§'],
    ['what is no JSON', Buffer.from('garbage').toString('base64')],
    ['null', toBase64(null)],
    ['a number', toBase64(1)],
    ['a list', toBase64([])],
    ['depth', Buffer.from(deep).toString('base64')],
    ['a prototype', Buffer.from('{"__proto__": {"challenge": 1}}').toString('base64')],
    ['the first version of ALTCHA', toBase64({ algorithm: 'SHA-256', challenge: 'a', number: 1, salt: 's' })],
    ['no solution', toBase64({ challenge: {} })],
    [
      'no parameters',
      toBase64({ challenge: { signature: 'a' }, solution: { counter: 1, derivedKey: '00' } }),
    ],
  ])('%s', async (_, text) => {
    await expect(checkSolution(app, text)).rejects.toEqual(code('solution-invalid'));
  });

  test.each<
    [string, (sent: { challenge: Record<string, unknown>; solution: Record<string, unknown> }) => void]
  >([
    ['a negative counter', ({ solution }) => (solution['counter'] = -1)],
    ['half a counter', ({ solution }) => (solution['counter'] = 1.5)],
    ['a counter beyond its bits', ({ solution }) => (solution['counter'] = 2 ** 32)],
    ['a counter as text', ({ solution }) => (solution['counter'] = '1')],
    ['a key in capitals', ({ solution }) => (solution['derivedKey'] = 'A'.repeat(64))],
    ['a key of a megabyte', ({ solution }) => (solution['derivedKey'] = '00'.repeat(500_000))],
    ['a list of keys', ({ solution }) => (solution['derivedKey'] = ['00'])],
    ['no signature', ({ challenge }) => delete challenge['signature']],
    ['a signature that is none', ({ challenge }) => (challenge['signature'] = { length: 64 })],
    ['an expiry as text', ({ challenge }) => (challenge['parameters'] = { expiresAt: 'never' })],
  ])('%s', async (_, change) => {
    const sent = await changed(change);
    await expect(checkSolution(app, toBase64(sent))).rejects.toEqual(code('solution-invalid'));
  });
});
