import { asc, eq } from 'drizzle-orm';
import { z } from 'zod';
import { type Database, transaction } from '../db/database.ts';
import { approvalEvents } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import { findApproval } from './find-approval.ts';
import { APPROVAL_EVENT_KINDS } from './status.ts';
import { approvalSchema, toApproval } from './view.ts';

/** An approval with what became of it. */
export const approvalDetailSchema = approvalSchema
  .extend({
    history: z
      .array(
        z.object({
          kind: z.enum(APPROVAL_EVENT_KINDS),
          by: z.string(),
          at: z.iso.datetime(),
          detail: z.record(z.string(), z.unknown()),
        }),
      )
      .meta({ description: 'In order; nothing of it is ever changed.' }),
  })
  .meta({ id: 'ApprovalDetail', description: 'An approval, and what became of it.' });

/** Both of one moment. @throws Problem not-found */
export function getApproval(
  db: Database,
  scope: Scope,
  approvalId: string,
): Promise<z.output<typeof approvalDetailSchema>> {
  return transaction(
    db,
    async (tx) => {
      const found = await findApproval(tx, scope, { approvalId });
      const { kind, by, at, detail } = approvalEvents;
      const events = await tx
        .select({ kind, by, at, detail })
        .from(approvalEvents)
        .where(eq(approvalEvents.approvalId, approvalId))
        .orderBy(asc(approvalEvents.id));
      const history = events.map((event) => ({ ...event, at: event.at.toISOString() }));
      return { ...toApproval(found), history };
    },
    'repeatable read',
  );
}
