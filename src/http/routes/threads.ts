import { z } from 'zod';
import { transaction } from '../../db/database.ts';
import { ONE_TRY_MS } from '../../db/retry.ts';
import { Problem } from '../../problems/problem.ts';
import { createThread } from '../../threads/create-thread.ts';
import { getThread } from '../../threads/get-thread.ts';
import { listThreads } from '../../threads/list-threads.ts';
import { updateThread } from '../../threads/update-thread.ts';
import { threadIdSchema, threadSchema } from '../../threads/view.ts';
import { json } from '../answer.ts';
import { answerOutcome, idempotently, keyHeaders } from '../idempotency.ts';
import { parseInput } from '../parse-input.ts';
import { limit, listCursor, metadataFilter, time, word } from '../query-fields.ts';
import { type Route, route } from '../route.ts';
import { newThreadSchema, patchedMetadataSchema, threadPatchSchema } from '../thread-body.ts';

const params = z.object({ id: threadIdSchema });
const theThread = { description: 'The thread.', content: { 'application/json': threadSchema } };

const create = route({
  method: 'post',
  path: '/threads',
  scope: 'executions:write',
  operationId: 'createThread',
  summary: 'Make a thread',
  description: 'Before its first message; a message makes one as well.',
  tag: 'Threads',
  headers: keyHeaders,
  body: newThreadSchema,
  answers: { 201: { ...theThread, headers: { location: 'Where the thread is.' } } },
  problems: ['thread-exists', 'agent-not-found'],
  handle: async (call, deps) => {
    const { agentId } = call.body;
    if (agentId !== undefined && deps.agents.get(agentId) === undefined)
      throw new Problem('agent-not-found', `There is no agent ${agentId}`);
    const outcome = await idempotently(deps.db, call, ONE_TRY_MS, async (tx) => {
      const thread = await createThread(tx, call.scope, call.body);
      return { status: 201, headers: { location: `/threads/${thread.id}` }, body: thread };
    });
    return answerOutcome(outcome);
  },
});

const list = route({
  method: 'get',
  path: '/threads',
  scope: 'executions:read',
  operationId: 'listThreads',
  summary: 'List threads, newest first',
  description: '`metadata.<key>=<value>` lists those whose metadata has that value, as text.',
  tag: 'Threads',
  query: z.strictObject({
    agentId: word.optional(),
    createdAfter: time.optional().meta({ description: 'Inclusive.' }),
    createdBefore: time.optional().meta({ description: 'Exclusive.' }),
    metadata: metadataFilter.optional(),
    limit,
    cursor: listCursor((id) => threadIdSchema.safeParse(id).success).optional(),
  }),
  answers: {
    200: {
      description: 'A page of threads.',
      content: {
        'application/json': z.object({ data: z.array(threadSchema), nextCursor: z.string().nullable() }),
      },
    },
  },
  handle: async ({ scope, query }, { db }) => json(await listThreads(db.orm, scope, query, query)),
});

const get = route({
  method: 'get',
  path: '/threads/{id}',
  scope: 'executions:read',
  tokens: { thread: 'read' },
  operationId: 'getThread',
  summary: 'Get a thread',
  tag: 'Threads',
  params,
  answers: { 200: theThread },
  handle: async (call, { db }) => json(await getThread(db.orm, call.scope, call.params.id)),
});

const update = route({
  method: 'patch',
  path: '/threads/{id}',
  scope: 'executions:write',
  operationId: 'updateThread',
  summary: 'Change the title or the metadata of a thread',
  tag: 'Threads',
  params,
  body: threadPatchSchema,
  answers: { 200: theThread },
  handle: async ({ scope, params: { id }, body }, { db }) => {
    const checkMetadata = (metadata: unknown) =>
      void parseInput(patchedMetadataSchema, { metadata }, 'validation-failed');
    const thread = await transaction(db, async (tx) => {
      await updateThread(tx, scope, id, body, checkMetadata);
      return getThread(tx, scope, id);
    });
    return json(thread);
  },
});

export const threadRoutes: Route[] = [create, list, get, update];
