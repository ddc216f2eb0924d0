import { z } from 'zod';
import { threadIdSchema } from '../threads/view.ts';
import { messageIdSchema, metadataSchema, ON_BUSY, userPartsSchema } from './execution-body.ts';
import { hasOnlyPlainText, isPlainText } from './json-content.ts';

const TITLE = 256;

const title = z
  .string()
  .min(1, 'must not be empty')
  .max(TITLE, `must have at most ${TITLE} characters`)
  .refine(isPlainText, 'must have neither U+0000 nor half a surrogate pair')
  .nullable();

/** The body of `POST /threads`. */
export const newThreadSchema = z
  .strictObject({
    id: threadIdSchema.optional().meta({ description: 'Made up if absent.' }),
    title: title.optional(),
    agentId: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .meta({ description: 'Answers messages that name no agent.' }),
    metadata: metadataSchema.optional(),
  })
  .meta({ id: 'NewThread' });

/** The body of `PATCH /threads/{id}`. */
export const threadPatchSchema = z
  .strictObject({
    title: title.optional().meta({ description: 'Null: none any more.' }),
    metadata: z
      .custom<Record<string, unknown>>(
        (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
        'must be an object',
      )
      .refine(hasOnlyPlainText, 'must have neither U+0000 nor half a surrogate pair')
      .optional()
      .meta({
        type: 'object',
        additionalProperties: true,
        description: 'A merge patch (RFC 7396): what is null goes, the rest is kept.',
      }),
  })
  .meta({ id: 'ThreadPatch' });

/** What the metadata of a thread has to be after a patch, too. */
export const patchedMetadataSchema = z.object({ metadata: metadataSchema });

const content = {
  parts: userPartsSchema.optional(),
  text: z.string().min(1, 'must not be empty').optional().meta({ description: 'The same as one text part.' }),
  agentId: z.string().min(1).max(256).optional(),
};

function hasOneContent({ parts, text }: { parts?: unknown; text?: unknown }): boolean {
  return (parts === undefined) !== (text === undefined);
}

const ONE_CONTENT = 'must have either parts or text';

/** The body of `POST /threads/{id}/messages`. */
export const newMessageSchema = z
  .strictObject({
    id: messageIdSchema.optional().meta({
      description: 'Made up if absent. Sent again with the same parts, it gets the same execution.',
    }),
    ...content,
    onBusy: z
      .enum(ON_BUSY, { error: `must be one of ${ON_BUSY.join(', ')}` })
      .optional()
      .meta({ description: 'What to do when the thread has unfinished executions.' }),
    threadId: z.string().optional().meta({ description: 'If it is sent, it must be the one of the path.' }),
  })
  .refine(hasOneContent, ONE_CONTENT)
  .meta({ id: 'NewMessage' });

/** The body of `PUT /threads/{id}/messages/{messageId}`. */
export const editedMessageSchema = z
  .strictObject(content)
  .refine(hasOneContent, ONE_CONTENT)
  .meta({ id: 'EditedMessage' });

/** The body of `POST /threads/{id}/messages/{messageId}/regenerate`. */
export const regenerateSchema = z.strictObject({ agentId: content.agentId }).optional();

/** The parts of a message, however they were sent. */
export function toParts({
  parts,
  text,
}: {
  parts?: unknown[] | undefined;
  text?: string | undefined;
}): unknown[] {
  return parts ?? [{ type: 'text', text }];
}
