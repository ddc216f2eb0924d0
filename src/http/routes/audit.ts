import { z } from 'zod';
import { AUDIT_ACTIONS, AUDIT_SUBJECTS } from '../../audit/actions.ts';
import { listAudit } from '../../audit/list-audit.ts';
import { auditEntrySchema } from '../../audit/view.ts';
import { threadIdSchema } from '../../threads/view.ts';
import { json } from '../answer.ts';
import { anyOf, limit, listCursor, time, uuid, word } from '../query-fields.ts';
import { type Route, route } from '../route.ts';

const list = route({
  method: 'get',
  path: '/audit',
  scope: 'admin',
  operationId: 'listAudit',
  summary: 'List who did what, newest first',
  description:
    'Of what the caller sees: whoever is bound to an owner reads what was done to that owner’s things.',
  tag: 'Audit',
  query: z.strictObject({
    action: anyOf(z.enum(AUDIT_ACTIONS)).optional(),
    actor: word.optional(),
    subjectType: z.enum(AUDIT_SUBJECTS).optional(),
    subjectId: word.optional(),
    executionId: uuid.optional(),
    threadId: threadIdSchema.optional(),
    createdAfter: time.optional().meta({ description: 'Inclusive.' }),
    createdBefore: time.optional().meta({ description: 'Exclusive.' }),
    limit,
    cursor: listCursor((id) => uuid.safeParse(id).success).optional(),
  }),
  answers: {
    200: {
      description: 'A page of entries.',
      content: {
        'application/json': z.object({
          data: z.array(auditEntrySchema),
          nextCursor: z.string().nullable(),
        }),
      },
    },
  },
  handle: async ({ scope, query }, { db }) => json(await listAudit(db.orm, scope, query, query)),
});

export const auditRoutes: Route[] = [list];
