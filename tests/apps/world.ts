import { solveChallenge } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import type { Challenge, Solution } from '../../src/apps/challenge.ts';
import { createApp, type NewApp } from '../../src/apps/create-app.ts';
import type { Database } from '../../src/db/database.ts';
import { type Answer, ask } from '../http/client.ts';

export const SHOP = 'https://shop.example';

/** Makes an app of tenant acme for pages of the shop, with little work to do. */
export function makeApp({ orm }: Pick<Database, 'orm'>, fields: Partial<NewApp> = {}): Promise<string> {
  return createApp(orm, {
    name: 'shop',
    tenantId: 'acme',
    allowedOrigins: [SHOP],
    agentIds: ['assistant'],
    sessionTtlSeconds: 3600,
    difficulty: 1,
    ...fields,
  });
}

/** What the widget makes of a challenge. */
export async function solve(challenge: Challenge): Promise<Solution> {
  const solution = await solveChallenge({ challenge, deriveKey });
  if (solution === null) throw new Error('This has no solution');
  return { challenge, solution };
}

export function toBase64(solution: unknown): string {
  return Buffer.from(JSON.stringify(solution)).toString('base64');
}

export async function getSolution(url: string, appId: string, origin = SHOP): Promise<Solution> {
  const answer = await ask(url, `/apps/${appId}/challenge`, { headers: { origin } });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return solve(answer.json() as unknown as Challenge);
}

export function postSolution(url: string, appId: string, solution: unknown, origin = SHOP): Promise<Answer> {
  return ask(url, `/apps/${appId}/sessions`, { headers: { origin }, body: { solution } });
}

export interface Visitor {
  readonly token: string;
  /** What each of its requests shows. */
  readonly headers: { authorization: string; origin: string };
}

/** A stranger who has done the work. */
export async function visit(url: string, appId: string, origin = SHOP): Promise<Visitor> {
  const answer = await postSolution(url, appId, await getSolution(url, appId, origin), origin);
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  const token = String(answer.json()['token']);
  return { token, headers: { authorization: `Bearer ${token}`, origin } };
}
