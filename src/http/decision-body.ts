import { z } from 'zod';
import { DECISION_KINDS } from '../approvals/status.ts';

/** Why something is decided so. */
export const reason = z
  .string()
  .max(4096)
  .optional()
  .meta({ description: 'The model is told that of a denial.' });

/** The members of a decision; which of them belong to which decision is looked at where it is known what is asked. */
export const decisionFields = {
  decision: z.enum(DECISION_KINDS, { error: `must be one of ${DECISION_KINDS.join(', ')}` }),
  reason,
  input: z
    .unknown()
    .optional()
    .meta({ description: 'With approve: what the tool is called with instead. Has to fit its schema.' }),
  answer: z.unknown().optional().meta({ description: 'With answer: the output of the call.' }),
  output: z.unknown().optional().meta({ description: 'With resolve: the output of the call.' }),
  inputHash: z
    .string()
    .max(256)
    .optional()
    .meta({ description: 'Of the input that was looked at; the decision is refused for any other.' }),
};
