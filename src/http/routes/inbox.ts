import { z } from 'zod';
import { countPending } from '../../approvals/count-pending.ts';
import { approvalDetailSchema, getApproval } from '../../approvals/get-approval.ts';
import { listApprovals } from '../../approvals/list-approvals.ts';
import { APPROVAL_KINDS, APPROVAL_STATUSES } from '../../approvals/status.ts';
import { approvalSchema } from '../../approvals/view.ts';
import { json, type StreamAnswer } from '../answer.ts';
import { anyOf, limit, listCursor, time, uuid, word } from '../query-fields.ts';
import { type Route, route } from '../route.ts';
import { INBOX_STREAM_HEADERS, pumpApprovals } from '../stream/approval-stream.ts';

const list = route({
  method: 'get',
  path: '/approvals',
  scope: 'approvals:read',
  tokens: { execution: 'decide', thread: 'decide' },
  operationId: 'listApprovals',
  summary: 'List what you may decide, oldest first',
  tag: 'Approvals',
  query: z.strictObject({
    status: anyOf(z.enum(APPROVAL_STATUSES)).optional().meta({ description: 'Default: pending.' }),
    agentId: word.optional(),
    toolName: word.optional(),
    kind: z.enum(APPROVAL_KINDS).optional(),
    assignee: word.optional(),
    threadId: word.optional(),
    executionId: uuid.optional(),
    expiresBefore: time.optional().meta({ description: 'Exclusive.' }),
    limit,
    cursor: listCursor((id) => uuid.safeParse(id).success).optional(),
  }),
  answers: {
    200: {
      description: 'A page of approvals.',
      content: {
        'application/json': z.object({ data: z.array(approvalSchema), nextCursor: z.string().nullable() }),
      },
    },
  },
  handle: async ({ scope, query }, { db }) => json(await listApprovals(db.orm, scope, query, query)),
});

const stream = route({
  method: 'get',
  path: '/approvals/stream',
  scope: 'approvals:read',
  tokens: { execution: 'decide', thread: 'decide' },
  operationId: 'streamApprovals',
  summary: 'Follow what you may decide',
  description:
    'First `event: snapshot` with how many are pending: read the list now. Then `event: approval` with the approval, ' +
    'whenever one is requested, assigned, decided, expired or cancelled. It never ends by itself; ' +
    'one that closes was cut, and begins with a snapshot again.',
  tag: 'Approvals',
  answers: {
    200: { description: 'The changes, as they come.', content: { 'text/event-stream': z.string() } },
  },
  handle: async ({ scope, method, gone }, { db, approvalWatch, keepAliveMs }): Promise<StreamAnswer> => {
    const answer = { kind: 'stream', status: 200, headers: INBOX_STREAM_HEADERS } as const;
    if (method === 'HEAD') return { ...answer, pump: () => undefined };
    // In this order: what the snapshot does not have yet comes after it.
    const reader = await approvalWatch.follow(scope, gone);
    const pending = await countPending(db.orm, scope);
    return { ...answer, pump: (sink) => pumpApprovals(reader, pending, sink, keepAliveMs) };
  },
});

const get = route({
  method: 'get',
  path: '/approvals/{id}',
  scope: 'approvals:read',
  tokens: { execution: 'decide', thread: 'decide' },
  operationId: 'getApproval',
  summary: 'Get an approval with its history',
  tag: 'Approvals',
  params: z.object({ id: uuid }),
  answers: {
    200: { description: 'The approval.', content: { 'application/json': approvalDetailSchema } },
  },
  handle: async ({ scope, params: { id } }, { db }) => json(await getApproval(db, scope, id)),
});

export const inboxRoutes: Route[] = [list, stream, get];
