import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import type { Principal } from '../../auth/principal.ts';
import { admitWebhook } from '../../automations/admit-webhook.ts';
import { findWebhook, type Webhook } from '../../automations/find-webhook.ts';
import { type Delivery, fireWebhook } from '../../automations/fire-webhook.ts';
import { FIRING_STATUSES } from '../../automations/firing-status.ts';
import type { FiringRow } from '../../automations/view.ts';
import { transaction } from '../../db/database.ts';
import { FROZEN_OWNER_PATIENCE_MS, whilePatient } from '../../db/retry.ts';
import { Problem } from '../../problems/problem.ts';
import type { ProblemCode } from '../../problems/problem-codes.ts';
import { json } from '../answer.ts';
import type { HttpDeps } from '../deps.ts';
import { uuid } from '../query-fields.ts';
import { type RawRequest, type Route, route } from '../route.ts';
import { readPayload } from '../webhook-payload.ts';
import { fireDeps } from './firings.ts';

const received = z
  .object({
    firingId: z.uuid(),
    executionId: z.uuid().nullable(),
    status: z.enum(FIRING_STATUSES),
    reason: z.string().nullable(),
  })
  .meta({
    id: 'ReceivedWebhook',
    description: 'What came of a delivery, the same however often it is sent.',
  });

const receive = route({
  method: 'post',
  path: '/hooks/{automationId}',
  scope: 'public',
  operationId: 'receiveWebhook',
  summary: 'Deliver a webhook',
  description:
    'Who may, the signature says that the trigger of the automation asks for. The answer comes once the firing and ' +
    'its execution are durable. The `url_verification` of Slack is answered with its challenge, with 200.',
  tag: 'Automations',
  params: z.object({ automationId: uuid }),
  rawBody: ['application/json', 'application/x-www-form-urlencoded'],
  answers: {
    200: {
      description: 'The challenge of Slack; nothing was set off.',
      content: { 'application/json': z.object({ challenge: z.string() }) },
    },
    202: { description: 'It was taken.', content: { 'application/json': received } },
  },
  problems: [
    'bad-signature',
    'automation-paused',
    'rate-limited',
    'template-failed',
    'secret-unreadable',
    'bad-request',
  ],
  handle: async ({ params, raw }, deps) => {
    const { webhook, rawBody, covered } = await letIn(params.automationId, raw, deps);
    const payload = readPayload(raw.headers['content-type']?.[0], rawBody);
    const challenge = challengeOf(webhook, payload);
    if (challenge !== undefined) return json({ challenge });
    const delivery = { headers: raw.headers, rawBody, covered, payload, requestId: uuidv7() };
    const { firing, launch } = await deliver(deps, webhook, delivery);
    launch();
    return json(toReceived(firing), 202);
  },
});

/** What a request may learn before the signature is right: that there is such a webhook, and that it says too much. */
const STRANGE: ReadonlySet<ProblemCode> = new Set(['not-found', 'body-too-large', 'bad-signature']);

/** What is cheap to refuse comes first, and what tells something of the automation after the signature. */
async function letIn(id: string, raw: RawRequest, { db, encryptionKeys, limits }: HttpDeps) {
  try {
    const webhook = await findWebhook(db.orm, id);
    const rawBody = await raw.read();
    const covered = admitWebhook({ encryptionKeys }, webhook, { headers: raw.headers, rawBody });
    limits.takeRequest(asPrincipal(webhook));
    return { webhook, rawBody, covered };
  } catch (error) {
    if (error instanceof Problem && STRANGE.has(error.code)) limits.takeFrom(raw.address);
    throw error;
  }
}

/** Whoever knows its secret has as many requests as a key. */
function asPrincipal({ id, tenantId, ownerId }: Webhook): Principal {
  return { kind: 'api-key', id: `automation:${id}`, tenantId, ownerId, scopes: new Set(), roles: [] };
}

function deliver(deps: HttpDeps, webhook: Webhook, delivery: Delivery) {
  return whilePatient(FROZEN_OWNER_PATIENCE_MS, () =>
    transaction(deps.databaseOf(webhook.tenantId), (tx) =>
      fireWebhook(tx, { ...deps, ...fireDeps(deps) }, webhook, delivery),
    ),
  );
}

/** Slack asks for this before it sends anything to an address. */
function challengeOf({ trigger }: Webhook, payload: unknown): string | undefined {
  const { signature } = trigger;
  if (typeof signature !== 'object' || !('preset' in signature) || signature.preset !== 'slack')
    return undefined;
  const { type, challenge } = (payload ?? {}) as { type?: unknown; challenge?: unknown };
  return type === 'url_verification' && typeof challenge === 'string' ? challenge : undefined;
}

function toReceived({ id, executionId, status, reason }: FiringRow): z.output<typeof received> {
  return { firingId: id, executionId, status, reason };
}

export const hookRoutes: Route[] = [receive];
