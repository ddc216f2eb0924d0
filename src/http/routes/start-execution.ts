import { z } from 'zod';
import { agentChooser } from '../../agents/choose-agent.ts';
import type { Transaction } from '../../db/database.ts';
import { ONE_TRY_MS } from '../../db/retry.ts';
import { createExecution } from '../../executions/create-execution.ts';
import { forkExecution } from '../../executions/fork-execution.ts';
import { retryExecution } from '../../executions/retry-execution.ts';
import { executionSchema } from '../../executions/view.ts';
import type { FetchedFiles } from '../../files/fetch-files.ts';
import { withFiles } from '../../files/with-files.ts';
import { acceptedEffect, answerAccepted } from '../accepted-execution.ts';
import { newExecutionSchema, toUserMessage } from '../execution-body.ts';
import { idempotently, keyHeaders } from '../idempotency.ts';
import { uuid } from '../query-fields.ts';
import { type AnswerDescription, type Route, route } from '../route.ts';

const stream = z.string().meta({ description: 'The stream of the execution from its first row.' });

const accepted: Record<number, AnswerDescription> = {
  200: {
    description: 'The stream of the execution, for a client that would rather have text/event-stream.',
    content: { 'text/event-stream': stream, 'application/x-ndjson': stream },
    headers: { location: 'Where the execution is.', 'x-execution-id': 'Its id.' },
  },
  202: {
    description: 'Accepted: the execution and its message are durable from now on.',
    content: { 'application/json': z.object({ execution: executionSchema }) },
    headers: {
      location: 'Where the execution is.',
      'x-execution-id': 'Its id.',
      'idempotency-replayed': 'true, if this is the answer to an earlier request with the same key.',
    },
  },
};

const startExecution = route({
  method: 'post',
  path: '/executions',
  scope: 'executions:write',
  operationId: 'startExecution',
  summary: 'Start an execution',
  description:
    'Without `agentId`: the agent that answered last in the thread, else the default one, else `assistant`, else the only one.',
  tag: 'Executions',
  headers: keyHeaders,
  body: newExecutionSchema,
  answers: accepted,
  problems: [
    'agent-not-found',
    'agent-required',
    'agent-broken',
    'thread-busy',
    'message-id-reused',
    'file-unavailable',
  ],
  handle: async (call, deps) => {
    const { body, scope } = call;
    const message = toUserMessage(body.input);
    const sent = { parts: message.parts, pointer: '/input/parts' };
    const start = async (tx: Transaction, files: FetchedFiles) => {
      const created = await createExecution(tx, deps, scope, {
        chooseAgent: agentChooser(deps, body.agentId),
        threadId: body.threadId,
        message,
        files,
        metadata: body.metadata ?? {},
        source: 'api',
        onBusy: body.onBusy ?? 'enqueue',
      });
      return acceptedEffect(tx, deps, scope, created);
    };
    const outcome = await withFiles(deps, sent, (files) =>
      idempotently(deps.db, call, ONE_TRY_MS, (tx) => start(tx, files)),
    );
    return answerAccepted(call, deps, outcome);
  },
});

const retry = route({
  method: 'post',
  path: '/executions/{id}/retry',
  scope: 'executions:write',
  operationId: 'retryExecution',
  summary: 'Answer again after a failure or a cancel',
  description: 'The failed answer leaves the history of the thread; its log stays.',
  tag: 'Executions',
  params: z.object({ id: uuid }),
  headers: keyHeaders,
  body: z.strictObject({}).optional(),
  answers: accepted,
  problems: ['not-last', 'not-retryable'],
  handle: async (call, deps) => {
    const { params, scope } = call;
    const outcome = await idempotently(deps.db, call, ONE_TRY_MS, async (tx) =>
      acceptedEffect(tx, deps, scope, await retryExecution(tx, deps.dispatch, scope, params.id)),
    );
    return answerAccepted(call, deps, outcome);
  },
});

const fork = route({
  method: 'post',
  path: '/executions/{id}/fork',
  scope: 'executions:write',
  operationId: 'forkExecution',
  summary: 'Go on from a turn in a thread of its own',
  description:
    'History and turns up to `fromTurn` are copied into a new thread, and the next turn is asked for anew; the ' +
    'original stays as it is.',
  tag: 'Executions',
  params: z.object({ id: uuid }),
  headers: keyHeaders,
  body: z.strictObject({
    fromTurn: z.int().min(1).max(10_000).meta({ description: 'The last turn that is kept, from 1.' }),
  }),
  answers: accepted,
  problems: ['turn-not-finished', 'log-expired'],
  handle: async (call, deps) => {
    const { params, scope, body } = call;
    const outcome = await idempotently(deps.db, call, ONE_TRY_MS, async (tx) => {
      const from = { executionId: params.id, fromTurn: body.fromTurn };
      return acceptedEffect(tx, deps, scope, await forkExecution(tx, deps.dispatch, scope, from));
    });
    return answerAccepted(call, deps, outcome);
  },
});

export const startRoutes: Route[] = [startExecution, retry, fork];
