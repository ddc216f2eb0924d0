import { z } from 'zod';
import { FROZEN_OWNER_PATIENCE_MS } from '../../db/retry.ts';
import { cancelExecution } from '../../executions/cancel-execution.ts';
import { getExecution } from '../../executions/get-execution.ts';
import { executionSchema } from '../../executions/view.ts';
import { deleteThread } from '../../threads/delete-thread.ts';
import { threadIdSchema } from '../../threads/view.ts';
import { answerOutcome, idempotently, keyHeaders } from '../idempotency.ts';
import { isPlainText } from '../json-content.ts';
import { uuid } from '../query-fields.ts';
import { type Route, route } from '../route.ts';

const cancel = route({
  method: 'post',
  path: '/executions/{id}/cancel',
  scope: 'executions:write',
  tokens: { execution: 'cancel', thread: 'cancel' },
  operationId: 'cancelExecution',
  summary: 'Cancel an execution',
  description:
    'Whatever it is doing, on whichever process, or if no process has it: it is final with the answer. ' +
    '`interrupt` (the default) keeps what was said so far as a partial message, `discard` stores none.',
  tag: 'Executions',
  params: z.object({ id: uuid }),
  headers: keyHeaders,
  body: z
    .strictObject({
      reason: z
        .string()
        .max(4096)
        .refine(isPlainText, 'must have neither U+0000 nor half a surrogate pair')
        .optional(),
      mode: z.enum(['interrupt', 'discard']).optional(),
    })
    .optional(),
  answers: {
    202: {
      description: 'The execution, cancelled; also if it was so already.',
      content: { 'application/json': z.object({ execution: executionSchema }) },
      headers: {
        'idempotency-replayed': 'true, if this is the answer to an earlier request with the same key.',
      },
    },
  },
  problems: ['execution-finished'],
  handle: async (call, deps) => {
    const { params, scope, body } = call;
    const { reason = null, mode = 'interrupt' } = body ?? {};
    const outcome = await idempotently(deps.db, call, FROZEN_OWNER_PATIENCE_MS, async (tx) => {
      const request = { reason, mode, by: scope };
      const afterCommit = await cancelExecution(tx, deps, scope, params.id, request);
      const execution = await getExecution(tx, scope, params.id);
      return { status: 202, headers: {}, body: { execution }, afterCommit };
    });
    return answerOutcome(outcome);
  },
});

const remove = route({
  method: 'delete',
  path: '/threads/{id}',
  scope: 'executions:write',
  operationId: 'deleteThread',
  summary: 'Delete a thread',
  description:
    'Cancels what runs, then removes messages, executions, their logs and approvals. Open streams are cut.',
  tag: 'Threads',
  params: z.object({ id: threadIdSchema }),
  answers: { 204: { description: 'There is nothing left of it.' } },
  handle: async ({ scope, params: { id } }, deps) => {
    await deleteThread(deps, scope, id);
    return { kind: 'empty', status: 204 };
  },
});

export const cancelRoutes: Route[] = [cancel, remove];
