import { z } from 'zod';
import type { auditLog } from '../db/schema.ts';
import { AUDIT_ACTIONS, AUDIT_SUBJECTS } from './actions.ts';
import { ACTOR_KINDS } from './actor.ts';

/** What somebody did, as clients see it. */
export const auditEntrySchema = z
  .object({
    id: z.uuid(),
    at: z.iso.datetime(),
    action: z.enum(AUDIT_ACTIONS),
    actorKind: z.enum(ACTOR_KINDS).meta({
      description: '`command`: somebody at the command line; `system`: Outlast itself.',
    }),
    actor: z.string().meta({
      description:
        'The id of the key, the user, the token or the session; `policy` where nobody decided; `automation:ID`.',
    }),
    via: z
      .string()
      .nullable()
      .meta({ description: 'The prefix of a key; who gave the token away; the app of a session.' }),
    ownerId: z.string().nullable().meta({ description: 'Whose things it is about; null: the tenant’s.' }),
    subjectType: z.enum(AUDIT_SUBJECTS),
    subjectId: z.string(),
    executionId: z.uuid().nullable(),
    threadId: z.string().nullable(),
    requestId: z.string().nullable().meta({ description: 'As `x-request-id` of the answer had it.' }),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'AuditEntry', description: 'Who did what, and to whose things.' });

export type AuditedEntry = z.output<typeof auditEntrySchema>;

/** The JSON of an entry from its row. */
export function toAuditEntry({ tenantId: _, ...row }: typeof auditLog.$inferSelect): AuditedEntry {
  return { ...row, at: row.at.toISOString() };
}
