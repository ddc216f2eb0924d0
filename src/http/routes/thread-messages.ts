import { z } from 'zod';
import { Problem } from '../../problems/problem.ts';
import { getMessage, listMessages } from '../../threads/list-messages.ts';
import { messageSchema } from '../../threads/message-view.ts';
import { threadIdSchema } from '../../threads/view.ts';
import { json } from '../answer.ts';
import { flag, limit } from '../query-fields.ts';
import { type Route, route } from '../route.ts';

const params = z.object({ id: threadIdSchema });
const messageParams = z.object({ id: threadIdSchema, messageId: z.string().regex(/^[^\0]{1,256}$/) });

/** The position of a message, as a cursor. */
const positionCursor = z.string().transform((text, context): number => {
  const [, position] = /^p(\d{1,10})$/.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  if (position !== undefined && Number(position) < 2 ** 31) return Number(position);
  context.addIssue({ code: 'custom', message: 'is not a cursor of this list' });
  return z.NEVER;
});

const messages = route({
  method: 'get',
  path: '/threads/{id}/messages',
  scope: 'executions:read',
  tokens: { thread: 'read' },
  operationId: 'listMessages',
  summary: 'List the messages of a thread, oldest first',
  description:
    'AI SDK UIMessages, all of one moment. The one that is still being written comes with what it has so far.',
  tag: 'Threads',
  params,
  query: z.strictObject({
    order: z.enum(['asc', 'desc']).default('asc'),
    omitActive: flag.optional().meta({ description: 'Leaves out the message that is still being written.' }),
    limit,
    cursor: positionCursor.optional(),
  }),
  answers: {
    200: {
      description: 'A page of messages.',
      content: {
        'application/json': z.object({
          data: z.array(messageSchema),
          nextCursor: z.string().nullable(),
          streamCursor: z.string().meta({
            description: 'As <ordinal>.<seq>: where to go on to miss nothing that comes after these.',
          }),
        }),
      },
    },
  },
  handle: async ({ scope, params: { id }, query }, { db }) => {
    const { order, limit, cursor: after, omitActive = false } = query;
    const { data, nextAfter, streamCursor } = await listMessages(db, scope, id, {
      order,
      limit,
      after,
      omitActive,
    });
    const nextCursor = nextAfter === null ? null : Buffer.from(`p${nextAfter}`).toString('base64url');
    return json({ data, nextCursor, streamCursor });
  },
});

const message = route({
  method: 'get',
  path: '/threads/{id}/messages/{messageId}',
  scope: 'executions:read',
  tokens: { thread: 'read' },
  operationId: 'getMessage',
  summary: 'Get a message',
  tag: 'Threads',
  params: messageParams,
  answers: { 200: { description: 'The message.', content: { 'application/json': messageSchema } } },
  handle: async ({ scope, params: { id, messageId } }, { db }) => {
    const found = await getMessage(db, scope, id, messageId);
    if (found === undefined)
      throw new Problem('not-found', `There is no message ${messageId} in thread ${id}`);
    return json(found);
  },
});

export const threadMessageRoutes: Route[] = [messages, message];
