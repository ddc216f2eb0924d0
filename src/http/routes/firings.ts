import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import type { FireDeps } from '../../automations/fire.ts';
import { fireOnRequest } from '../../automations/fire-on-request.ts';
import { FIRING_STATUSES } from '../../automations/firing-status.ts';
import { listFirings } from '../../automations/list-firings.ts';
import { listUpcoming } from '../../automations/list-upcoming.ts';
import { raiseEvent } from '../../automations/raise-event.ts';
import { eventNameSchema } from '../../automations/settings.ts';
import { firingSchema, toFiring } from '../../automations/view.ts';
import { FROZEN_OWNER_PATIENCE_MS } from '../../db/retry.ts';
import { json } from '../answer.ts';
import type { HttpDeps } from '../deps.ts';
import { answerOutcome, idempotently, keyHeaders } from '../idempotency.ts';
import { isPlainText } from '../json-content.ts';
import { anyOf, integer, limit, listCursor, uuid } from '../query-fields.ts';
import { type Route, route } from '../route.ts';

const params = z.object({ id: uuid });
const payload = z.unknown().optional().meta({ description: 'Any JSON.' });

const fireNow = route({
  method: 'post',
  path: '/automations/{id}/fire',
  scope: 'automations:*',
  operationId: 'fireAutomation',
  summary: 'Fire an automation now',
  description: 'Also a paused one. Its concurrency holds here, too: the firing says what came of it.',
  tag: 'Automations',
  params,
  headers: keyHeaders,
  body: z.strictObject({ payload }).optional(),
  problems: ['template-failed'],
  answers: {
    202: {
      description: 'The firing; its execution, if it has one, is durable from now on.',
      content: { 'application/json': z.object({ firing: firingSchema }) },
    },
  },
  handle: async (call, deps) => {
    const { scope, params, body } = call;
    const asked = { key: uuidv7(), payload: body?.payload };
    const outcome = await idempotently(deps.db, call, FROZEN_OWNER_PATIENCE_MS, async (tx) => {
      const { firing, launch } = await fireOnRequest(tx, fireDeps(deps), scope, params.id, asked);
      return { status: 202, headers: {}, body: { firing: toFiring(firing) }, afterCommit: launch };
    });
    return answerOutcome(outcome);
  },
});

const list = route({
  method: 'get',
  path: '/automations/{id}/firings',
  scope: 'automations:*',
  operationId: 'listFirings',
  summary: 'List what an automation has done, newest first',
  tag: 'Automations',
  params,
  query: z.strictObject({
    status: anyOf(z.enum(FIRING_STATUSES)).optional(),
    limit,
    cursor: listCursor((id) => uuid.safeParse(id).success).optional(),
  }),
  answers: {
    200: {
      description: 'A page of firings.',
      content: {
        'application/json': z.object({ data: z.array(firingSchema), nextCursor: z.string().nullable() }),
      },
    },
  },
  handle: async ({ scope, params: { id }, query }, { db }) =>
    json(await listFirings(db.orm, scope, id, query, query)),
});

const upcoming = route({
  method: 'get',
  path: '/automations/{id}/upcoming',
  scope: 'automations:*',
  operationId: 'listUpcoming',
  summary: 'List when an automation is due next',
  description: 'Empty while it is paused, or if it has no schedule.',
  tag: 'Automations',
  params,
  query: z.strictObject({ count: integer(1, 100).default(10) }),
  answers: {
    200: {
      description: 'The next due times.',
      content: { 'application/json': z.object({ data: z.array(z.iso.datetime()) }) },
    },
  },
  handle: async ({ scope, params: { id }, query }, { db }) => {
    const times = await listUpcoming(db.orm, scope, id, query.count);
    return json({ data: times.map((time) => time.toISOString()) });
  },
});

const raise = route({
  method: 'post',
  path: '/events',
  scope: 'automations:*',
  operationId: 'raiseEvent',
  summary: 'Tell of an event',
  description:
    'Fires every enabled automation of the caller that waits for it. A tool that tells of one on behalf of its ' +
    'execution names that in `x-outlast-execution-id`: events of executions fire at most three deep.',
  tag: 'Automations',
  headers: keyHeaders.extend({ 'x-outlast-execution-id': uuid.optional() }),
  body: z
    .strictObject({
      name: eventNameSchema,
      payload,
      id: z
        .string()
        .min(1, 'must not be empty')
        .max(256)
        .refine(isPlainText, 'must have neither U+0000 nor half a surrogate pair')
        .optional()
        .meta({ description: 'An event that is told again by its id fires nothing again.' }),
    })
    .meta({ id: 'Event' }),
  answers: {
    202: {
      description: 'What it has fired; their executions are durable from now on.',
      content: { 'application/json': z.object({ firings: z.array(firingSchema) }) },
    },
  },
  // The execution that it is told of on behalf of.
  problems: ['not-found'],
  handle: async (call, deps) => {
    const { name, id = uuidv7(), payload } = call.body;
    const event = { name, id, payload, executionId: call.headers['x-outlast-execution-id'] };
    const outcome = await idempotently(deps.db, call, FROZEN_OWNER_PATIENCE_MS, async (tx) => {
      const fired = await raiseEvent(tx, fireDeps(deps), call.scope, event);
      return {
        status: 202,
        headers: {},
        body: { firings: fired.map(({ firing }) => toFiring(firing)) },
        afterCommit: () => {
          for (const { launch } of fired) launch();
        },
      };
    });
    return answerOutcome(outcome);
  },
});

/** What firing takes, of what the routes have. */
export function fireDeps(deps: HttpDeps): FireDeps {
  return { ...deps, tenantConcurrency: deps.config.OUTLAST_AUTOMATION_CONCURRENCY };
}

export const firingRoutes: Route[] = [fireNow, list, upcoming, raise];
