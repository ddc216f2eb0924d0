import { z } from 'zod';
import { challengeSchema, makeChallenge, solutionSchema } from '../../apps/challenge.ts';
import { type App, findApp } from '../../apps/find-app.ts';
import { openSession } from '../../apps/open-session.ts';
import { Problem } from '../../problems/problem.ts';
import { json } from '../answer.ts';
import type { HttpDeps } from '../deps.ts';
import { uuid } from '../query-fields.ts';
import { type Call, type Route, route } from '../route.ts';

/** A solution has some 600 bytes. */
const BODY_LIMIT = 16_384;
const LONGEST_SOLUTION = 4096;

const params = z.object({ appId: uuid });
const headers = z.object({
  origin: z.string().optional().meta({ description: 'Where the page is, as browsers send it.' }),
});

type AppCall = Call<z.output<typeof params>, unknown, z.output<typeof headers>, unknown>;

const getChallenge = route({
  method: 'get',
  path: '/apps/{appId}/challenge',
  scope: 'public',
  rate: 'address',
  operationId: 'getChallenge',
  summary: 'Ask for a proof of work',
  description:
    'Only for pages of the origins that the app lets in; for others, and without `Origin`, it does not exist. To be ' +
    'solved in five minutes, by the ALTCHA widget or the client.',
  tag: 'Apps',
  params,
  headers,
  answers: { 200: { description: 'The challenge.', content: { 'application/json': challengeSchema } } },
  problems: ['apps-off'],
  handle: async (call, deps) => json(await makeChallenge(await admitPage(call, deps))),
});

const createSession = route({
  method: 'post',
  path: '/apps/{appId}/sessions',
  scope: 'public',
  rate: 'address',
  operationId: 'createSession',
  summary: 'Give a stranger a token for threads of their own',
  description:
    'For the solution of a challenge, which is taken once: so it needs no `Idempotency-Key`, and a token whose answer ' +
    'was lost cannot be had again. The token is good on the pages of the app only.',
  tag: 'Apps',
  params,
  headers,
  body: z.strictObject({
    solution: z
      .union([z.string().min(1).max(LONGEST_SOLUTION), solutionSchema])
      .meta({ description: 'As the ALTCHA widget gives it, in base64, or as JSON.' }),
  }),
  bodyLimit: BODY_LIMIT,
  answers: {
    201: {
      description: 'The session.',
      content: {
        'application/json': z.object({
          token: z
            .string()
            .meta({ description: 'To be shown as `Authorization: Bearer`. It is given this once.' }),
          expiresAt: z.iso.datetime(),
        }),
      },
    },
  },
  problems: ['apps-off', 'solution-spent', 'challenge-expired', 'solution-invalid'],
  handle: async (call, deps) => {
    const app = await admitPage(call, deps);
    const db = deps.databaseOf(app.tenantId);
    const { requestId } = call.scope.actor ?? {};
    const { token, expiresAt } = await openSession(db, app, call.body.solution, requestId);
    return json({ token, expiresAt: expiresAt.toISOString() }, 201);
  },
});

/** @throws Problem apps-off, not-found */
async function admitPage({ params: { appId }, headers: { origin } }: AppCall, deps: HttpDeps): Promise<App> {
  if (deps.auth.isOpen) {
    throw new Problem('apps-off', 'Nobody is asked who they are here: a session would mean nothing');
  }
  const app = await findApp(deps.db.orm, appId, origin);
  if (app !== undefined) return app;
  throw new Problem('not-found', `There is no app ${appId} for pages of this origin`);
}

export const appRoutes: Route[] = [getChallenge, createSession];
