import { z } from 'zod';
import { RESTART_PATIENCE_MS } from '../../db/retry.ts';
import { getNotification } from '../../notifications/get-notification.ts';
import { listNotifications } from '../../notifications/list-notifications.ts';
import { resendNotification } from '../../notifications/resend-notification.ts';
import { NOTIFICATION_STATUSES, NOTIFICATION_TYPES } from '../../notifications/status.ts';
import { notificationDetailsSchema, notificationSchema } from '../../notifications/view.ts';
import { Problem } from '../../problems/problem.ts';
import { json } from '../answer.ts';
import { answerOutcome, idempotently, keyHeaders } from '../idempotency.ts';
import { anyOf, limit, listCursor, uuid } from '../query-fields.ts';
import { type Route, route } from '../route.ts';

const params = z.object({ id: uuid });

const list = route({
  method: 'get',
  path: '/notifications',
  scope: 'admin',
  operationId: 'listNotifications',
  summary: 'List what the webhook is told, newest first',
  tag: 'Notifications',
  query: z.strictObject({
    status: anyOf(z.enum(NOTIFICATION_STATUSES)).optional(),
    type: anyOf(z.enum(NOTIFICATION_TYPES)).optional(),
    executionId: uuid.optional(),
    approvalId: uuid.optional(),
    limit,
    cursor: listCursor((id) => uuid.safeParse(id).success).optional(),
  }),
  answers: {
    200: {
      description: 'A page of notifications.',
      content: {
        'application/json': z.object({
          data: z.array(notificationSchema),
          nextCursor: z.string().nullable(),
        }),
      },
    },
  },
  handle: async ({ scope, query }, { db }) => json(await listNotifications(db.orm, scope, query, query)),
});

const get = route({
  method: 'get',
  path: '/notifications/{id}',
  scope: 'admin',
  operationId: 'getNotification',
  summary: 'Get a notification with every try to deliver it',
  tag: 'Notifications',
  params,
  answers: {
    200: { description: 'The notification.', content: { 'application/json': notificationDetailsSchema } },
  },
  handle: async (call, { db }) => json(await getNotification(db.orm, call.scope, call.params.id)),
});

const resend = route({
  method: 'post',
  path: '/notifications/{id}/resend',
  scope: 'admin',
  operationId: 'resendNotification',
  summary: 'Send a notification again',
  description:
    'With the same id and body, and with all of its tries, whether it was delivered or has failed.',
  tag: 'Notifications',
  params,
  headers: keyHeaders,
  answers: {
    202: {
      description: 'The notification, pending.',
      content: { 'application/json': notificationSchema },
    },
  },
  problems: ['notifications-off'],
  handle: async (call, deps) => {
    const outcome = await idempotently(deps.db, call, RESTART_PATIENCE_MS, async (tx) => {
      const notification = await resendNotification(tx, call.scope, call.params.id);
      if (deps.notify === undefined) {
        throw new Problem('notifications-off', 'OUTLAST_NOTIFY_URL is not set: nobody would send it');
      }
      return { status: 202, headers: {}, body: notification };
    });
    return answerOutcome(outcome);
  },
});

export const notificationRoutes: Route[] = [list, get, resend];
