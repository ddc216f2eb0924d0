import { z } from 'zod';
import { MOST_REMOTE_FILES, remoteFilesOf, toRemoteUrl } from '../files/remote-files.ts';
import { threadIdSchema } from '../threads/view.ts';
import { hasOnlyPlainText, isPlainText } from './json-content.ts';

const METADATA_BYTES = 16 * 1024;
const METADATA_KEY = 64;
const URL_LENGTH = 8192;
export const ON_BUSY = ['enqueue', 'reject', 'interrupt'] as const;

const textPart = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  state: z.enum(['streaming', 'done']).optional(),
  providerMetadata: z.record(z.string(), z.unknown()).optional(),
});

const fileUrl = z
  .string()
  .superRefine((text, context) => {
    const message = faultOfUrl(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  })
  .meta({
    description:
      'A `data:` URL, or an `https:` URL, which is fetched before the message is accepted and never again.',
  });

function faultOfUrl(text: string): string | undefined {
  if (/^data:[^,]*,/i.test(text)) return undefined;
  const url = toRemoteUrl(text);
  if (url === undefined) return 'must be a data: or an https: URL';
  if (url.username !== '' || url.password !== '') return 'must have no user name and no password';
  return text.length > URL_LENGTH ? `must have at most ${URL_LENGTH} characters` : undefined;
}

const filePart = z.strictObject({
  type: z.literal('file'),
  mediaType: z.string().min(1).max(256),
  url: fileUrl,
  filename: z.string().max(1024).optional(),
  providerMetadata: z.record(z.string(), z.unknown()).optional(),
});

export const messageIdSchema = z
  .string()
  .min(1)
  .max(256)
  .refine(isPlainText, 'must have neither U+0000 nor half a surrogate pair');

/** What a user's message is made of. */
export const userPartsSchema = z
  .array(z.discriminatedUnion('type', [textPart, filePart], { error: 'must be a text part or a file part' }))
  .min(1, 'must have at least one part')
  .refine(
    (parts) => remoteFilesOf(parts).length <= MOST_REMOTE_FILES,
    `must have at most ${MOST_REMOTE_FILES} files with https: URLs`,
  );

/** A user's message, as clients send it. */
export const userMessageSchema = z
  .strictObject({ id: messageIdSchema.optional(), role: z.literal('user'), parts: userPartsSchema })
  .meta({ id: 'UserMessage', description: 'An AI SDK UIMessage of a user, with text and file parts.' });

/** A small JSON object that can be filtered by. */
export const metadataSchema = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'must be an object',
  )
  .refine(
    (value) => Buffer.byteLength(JSON.stringify(value)) <= METADATA_BYTES,
    'must have at most 16 KB as JSON',
  )
  .refine(
    (value) => Object.keys(value).every((key) => key.length <= METADATA_KEY),
    `must have keys of at most ${METADATA_KEY} characters`,
  )
  .refine(hasOnlyPlainText, 'must have neither U+0000 nor half a surrogate pair')
  .meta({
    type: 'object',
    additionalProperties: true,
    description: 'At most 16 KB; lists can be filtered by it.',
  });

/** The body of `POST /executions`. */
export const newExecutionSchema = z
  .strictObject({
    agentId: z.string().min(1).max(256).optional(),
    threadId: threadIdSchema
      .optional()
      .meta({ description: 'Made if it does not exist; a new one if absent.' }),
    input: z.union([z.string().min(1, 'must not be empty'), userMessageSchema], {
      error: 'must be a text or a message of a user',
    }),
    metadata: metadataSchema.optional(),
    onBusy: z
      .enum(ON_BUSY, { error: `must be one of ${ON_BUSY.join(', ')}` })
      .optional()
      .meta({
        description:
          'When the thread has unfinished executions: run after them, refuse, or cancel them. Default: enqueue.',
      }),
  })
  .meta({ id: 'NewExecution' });

export type NewExecutionBody = z.output<typeof newExecutionSchema>;

/** What is asked, as a message. */
export function toUserMessage(input: NewExecutionBody['input']): {
  id?: string | undefined;
  parts: unknown[];
} {
  if (typeof input === 'string') return { parts: [{ type: 'text', text: input }] };
  return { id: input.id, parts: input.parts };
}
