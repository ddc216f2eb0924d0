import { z } from 'zod';
import { agentChooser } from '../../agents/choose-agent.ts';
import { createAutomation } from '../../automations/create-automation.ts';
import { deleteAutomation } from '../../automations/delete-automation.ts';
import { getAutomation } from '../../automations/get-automation.ts';
import { listAutomations } from '../../automations/list-automations.ts';
import { type AutomationSettings, automationSettingsSchema } from '../../automations/settings.ts';
import { revealSecret, type SavedAutomation } from '../../automations/trigger-secret.ts';
import { pauseAutomation, resumeAutomation, updateAutomation } from '../../automations/update-automation.ts';
import { automationSchema } from '../../automations/view.ts';
import type { Transaction } from '../../db/database.ts';
import { transaction } from '../../db/database.ts';
import { FROZEN_OWNER_PATIENCE_MS, ONE_TRY_MS, whilePatient } from '../../db/retry.ts';
import type { Scope } from '../../db/scope.ts';
import { json } from '../answer.ts';
import type { HttpDeps } from '../deps.ts';
import { answerOutcome, idempotently, keyHeaders } from '../idempotency.ts';
import { parseInput } from '../parse-input.ts';
import { flag, limit, listCursor, uuid, word } from '../query-fields.ts';
import { type AnswerDescription, type Route, route } from '../route.ts';

const params = z.object({ id: uuid });
const theAutomation: AnswerDescription = {
  description: 'The automation.',
  content: { 'application/json': automationSchema },
};
const newAutomationSchema = automationSettingsSchema
  .extend({
    agentId: automationSettingsSchema.shape.agentId.optional().meta({
      description: 'If absent: the default agent, else `assistant`, else the only one.',
    }),
  })
  .meta({ id: 'NewAutomation' });
const patchSchema = z
  .strictObject(
    Object.fromEntries(
      Object.keys(automationSettingsSchema.shape).map((name) => [name, z.unknown().optional()]),
    ) as Record<keyof AutomationSettings, z.ZodOptional<z.ZodUnknown>>,
  )
  .meta({
    id: 'AutomationPatch',
    description: 'A merge patch (RFC 7396) of the settings: what is null goes back to its default.',
  });

const create = route({
  method: 'post',
  path: '/automations',
  scope: 'automations:*',
  operationId: 'createAutomation',
  summary: 'Make an automation',
  tag: 'Automations',
  headers: keyHeaders,
  body: newAutomationSchema,
  answers: { 201: { ...theAutomation, headers: { location: 'Where the automation is.' } } },
  problems: [
    'agent-not-found',
    'agent-required',
    'agent-broken',
    'encryption-key-needed',
    'secret-unreadable',
  ],
  handle: async (call, deps) => {
    const agentId = knownAgent(deps, call.body.agentId);
    const outcome = await idempotently(deps.db, call, ONE_TRY_MS, async (tx) => {
      const saved = await createAutomation(tx, deps, call.scope, { ...call.body, agentId });
      return { status: 201, headers: { location: `/automations/${saved.automation.id}` }, body: saved };
    });
    // What is kept for the key has the secret sealed only.
    return answerOutcome({ ...outcome, body: revealSecret(deps, outcome.body as SavedAutomation) });
  },
});

const list = route({
  method: 'get',
  path: '/automations',
  scope: 'automations:*',
  operationId: 'listAutomations',
  summary: 'List automations, newest first',
  tag: 'Automations',
  query: z.strictObject({
    agentId: word.optional(),
    enabled: flag.optional(),
    limit,
    cursor: listCursor((id) => uuid.safeParse(id).success).optional(),
  }),
  answers: {
    200: {
      description: 'A page of automations.',
      content: {
        'application/json': z.object({ data: z.array(automationSchema), nextCursor: z.string().nullable() }),
      },
    },
  },
  handle: async ({ scope, query }, { db }) => json(await listAutomations(db.orm, scope, query, query)),
});

const get = route({
  method: 'get',
  path: '/automations/{id}',
  scope: 'automations:*',
  operationId: 'getAutomation',
  summary: 'Get an automation',
  tag: 'Automations',
  params,
  answers: { 200: theAutomation },
  handle: async ({ scope, params: { id } }, { db }) => json(await getAutomation(db.orm, scope, id)),
});

const update = route({
  method: 'patch',
  path: '/automations/{id}',
  scope: 'automations:*',
  operationId: 'updateAutomation',
  summary: 'Change the settings of an automation',
  description:
    'A schedule that is changed counts from now on. A trigger of another type replaces the old one, as a signature ' +
    'does. A webhook keeps its secret; one that is set to null is replaced by a new one.',
  tag: 'Automations',
  params,
  body: patchSchema,
  answers: { 200: theAutomation },
  problems: ['agent-not-found', 'agent-broken', 'encryption-key-needed', 'secret-unreadable'],
  handle: async ({ scope, params: { id }, body }, deps) => {
    const check = (settings: unknown) => {
      const checked = parseInput(automationSettingsSchema, settings, 'validation-failed');
      if (body.agentId !== undefined) knownAgent(deps, checked.agentId);
      return checked;
    };
    const saved = await change(deps, (tx) => updateAutomation(tx, deps, scope, id, body, check));
    return json(revealSecret(deps, saved));
  },
});

const remove = route({
  method: 'delete',
  path: '/automations/{id}',
  scope: 'automations:*',
  operationId: 'deleteAutomation',
  summary: 'Delete an automation',
  description: 'With its firings. Executions that it has started go on and stay.',
  tag: 'Automations',
  params,
  answers: { 204: { description: 'It starts nothing any more.' } },
  handle: async ({ scope, params: { id } }, deps) => {
    await change(deps, (tx) => deleteAutomation(tx, scope, id));
    return { kind: 'empty', status: 204 };
  },
});

const pause = switchRoute('pause', 'Start nothing by itself any more; what runs goes on', pauseAutomation);
const resume = switchRoute('resume', 'Go on from now on', resumeAutomation);

type Switch = (tx: Transaction, scope: Scope, id: string) => Promise<z.output<typeof automationSchema>>;

/** One that has been done already is done again, and changes nothing. */
function switchRoute(verb: 'pause' | 'resume', summary: string, work: Switch): Route {
  return route({
    method: 'post',
    path: `/automations/{id}/${verb}`,
    scope: 'automations:*',
    operationId: `${verb}Automation`,
    summary,
    tag: 'Automations',
    params,
    body: z.strictObject({}).optional(),
    answers: { 200: theAutomation },
    handle: async ({ scope, params: { id } }, deps) => json(await change(deps, (tx) => work(tx, scope, id))),
  });
}

function change<T>({ db }: Pick<HttpDeps, 'db'>, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return whilePatient(FROZEN_OWNER_PATIENCE_MS, () => transaction(db, work));
}

/** @throws Problem agent-not-found, agent-required, agent-broken */
function knownAgent(deps: HttpDeps, requested: string | undefined): string {
  return agentChooser(deps, requested)(null);
}

export const automationRoutes: Route[] = [create, list, get, update, remove, pause, resume];
