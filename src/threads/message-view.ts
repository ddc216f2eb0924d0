import { z } from 'zod';
import type { messages } from '../db/schema.ts';

/** A message as clients see it: an AI SDK UIMessage. */
export const messageSchema = z
  .object({
    id: z.string(),
    role: z.enum(['user', 'assistant']),
    parts: z.array(z.looseObject({ type: z.string() })),
    metadata: z.looseObject({
      executionId: z.uuid(),
      status: z
        .enum(['active', 'complete', 'partial'])
        .meta({ description: 'active: still being written; partial: its execution did not complete.' }),
    }),
  })
  .meta({ id: 'Message', description: 'An AI SDK UIMessage.' });

export type Message = z.output<typeof messageSchema>;

/** The JSON of a stored message from its row. */
export function toMessage(row: typeof messages.$inferSelect): Message {
  return {
    id: row.id,
    role: row.role,
    parts: row.parts as Message['parts'],
    metadata: { executionId: row.executionId, status: row.status },
  };
}
