import { z } from 'zod';
import { describeAgent } from '../../agents/describe-agent.ts';
import { Problem } from '../../problems/problem.ts';
import { json } from '../answer.ts';
import { type Route, route } from '../route.ts';

const toolSchema = z
  .object({
    name: z.string(),
    description: z.string(),
    inputSchema: z.record(z.string(), z.unknown()).meta({ description: 'JSON Schema of its input.' }),
    needsApproval: z
      .union([z.boolean(), z.literal('conditional')])
      .meta({ description: 'conditional: it depends on the input.' }),
    idempotent: z.boolean(),
    risk: z.enum(['low', 'medium', 'high']),
  })
  .meta({ id: 'Tool' });

export const agentSchema = z
  .object({
    id: z.string(),
    description: z.string().nullable(),
    model: z.string().nullable().meta({ description: 'As provider:model.' }),
    demo: z.boolean().meta({ description: 'Its model is the built-in demo model, not a real one.' }),
    tools: z.array(toolSchema),
    error: z.string().nullable().meta({ description: 'Why it cannot run.' }),
  })
  .meta({ id: 'Agent' });

const listAgents = route({
  method: 'get',
  path: '/agents',
  scope: 'executions:read',
  operationId: 'listAgents',
  summary: 'List the agents',
  description: 'Sorted by id, all at once. One whose file is broken is listed with its error.',
  tag: 'Agents',
  answers: {
    200: {
      description: 'All agents.',
      content: { 'application/json': z.object({ data: z.array(agentSchema), nextCursor: z.null() }) },
    },
  },
  handle: (_, { agents, models }) =>
    json({ data: agents.list().map((entry) => describeAgent(entry, models)), nextCursor: null }),
});

const getAgent = route({
  method: 'get',
  path: '/agents/{id}',
  scope: 'executions:read',
  operationId: 'getAgent',
  summary: 'Get an agent',
  tag: 'Agents',
  params: z.object({ id: z.string().regex(/^[^\0]{1,256}$/) }),
  answers: { 200: { description: 'The agent.', content: { 'application/json': agentSchema } } },
  problems: ['agent-not-found'],
  handle: ({ params }, { agents, models }) => {
    const entry = agents.get(params.id);
    if (entry === undefined) throw new Problem('agent-not-found', `There is no agent "${params.id}"`);
    return json(describeAgent(entry, models));
  },
});

export const agentRoutes: Route[] = [listAgents, getAgent];
