import { z } from 'zod';
import { getExecution } from '../../executions/get-execution.ts';
import { listExecutions } from '../../executions/list-executions.ts';
import { EXECUTION_STATUSES } from '../../executions/status.ts';
import { readTimeline, timelineEntrySchema } from '../../executions/timeline.ts';
import { EXECUTION_SOURCES, executionSchema } from '../../executions/view.ts';
import { waitForExecution } from '../../executions/wait-execution.ts';
import { json } from '../answer.ts';
import { anyOf, integer, limit, listCursor, metadataFilter, time, uuid, word } from '../query-fields.ts';
import { type Route, route } from '../route.ts';

const params = z.object({ id: uuid });
const LONGEST_WAIT_MS = 60_000;

const list = route({
  method: 'get',
  path: '/executions',
  scope: 'executions:read',
  tokens: { thread: 'read' },
  operationId: 'listExecutions',
  summary: 'List executions, newest first',
  description: '`metadata.<key>=<value>` lists those whose metadata has that value, as text.',
  tag: 'Executions',
  query: z.strictObject({
    status: anyOf(z.enum(EXECUTION_STATUSES)).optional(),
    agentId: word.optional(),
    threadId: word.optional(),
    source: z.enum(EXECUTION_SOURCES).optional(),
    automationId: uuid.optional(),
    createdAfter: time.optional().meta({ description: 'Inclusive.' }),
    createdBefore: time.optional().meta({ description: 'Exclusive.' }),
    metadata: metadataFilter.optional(),
    limit,
    cursor: listCursor((id) => uuid.safeParse(id).success).optional(),
  }),
  answers: {
    200: {
      description: 'A page of executions.',
      content: {
        'application/json': z.object({ data: z.array(executionSchema), nextCursor: z.string().nullable() }),
      },
    },
  },
  handle: async ({ scope, query }, { db }) => json(await listExecutions(db.orm, scope, query, query)),
});

const get = route({
  method: 'get',
  path: '/executions/{id}',
  scope: 'executions:read',
  tokens: { execution: 'read', thread: 'read' },
  operationId: 'getExecution',
  summary: 'Get an execution',
  tag: 'Executions',
  params,
  answers: { 200: { description: 'The execution.', content: { 'application/json': executionSchema } } },
  handle: async (call, { db }) => json(await getExecution(db.orm, call.scope, call.params.id)),
});

const wait = route({
  method: 'get',
  path: '/executions/{id}/wait',
  scope: 'executions:read',
  tokens: { execution: 'read', thread: 'read' },
  operationId: 'waitForExecution',
  summary: 'Wait until an execution is final or suspended',
  description: 'Answers at the latest when the time is up, with the execution as it is then.',
  tag: 'Executions',
  params,
  query: z.strictObject({ timeoutMs: integer(0, LONGEST_WAIT_MS).default(30_000) }),
  answers: { 200: { description: 'The execution.', content: { 'application/json': executionSchema } } },
  handle: async ({ scope, params: { id }, query, gone }, deps) =>
    json(await waitForExecution(deps, scope, id, { timeoutMs: query.timeoutMs, signal: gone })),
});

const timeline = route({
  method: 'get',
  path: '/executions/{id}/timeline',
  scope: 'executions:read',
  tokens: { execution: 'read', thread: 'read' },
  operationId: 'getTimeline',
  summary: 'What happened in an execution, in order',
  tag: 'Executions',
  params,
  answers: {
    200: {
      description: 'Attempts, turns, retries, tool calls and waits, by the time they began.',
      content: { 'application/json': z.object({ data: z.array(timelineEntrySchema) }) },
    },
  },
  handle: async (call, { db }) => json({ data: await readTimeline(db, call.scope, call.params.id) }),
});

export const executionRoutes: Route[] = [list, get, wait, timeline];
