import { z } from 'zod';
import { readToolAnswers, type ToolAnswer } from '../chat/tool-answers.ts';
import { Problem } from '../problems/problem.ts';
import { threadIdSchema } from '../threads/view.ts';
import { userMessageSchema } from './execution-body.ts';
import { parseInput } from './parse-input.ts';

/** The AI SDK's triggers; without one a message is submitted. */
const TRIGGERS = ['submit-message', 'regenerate-message'] as const;

/**
 * The body of `POST /api/chat`: what `useChat` sends, and whatever an app puts beside it. Of the messages only what is
 * new counts, so that the others may be anything.
 */
export const chatBodySchema = z
  .looseObject({
    id: threadIdSchema.optional().meta({ description: 'The chat, which is a thread.' }),
    messages: z.array(z.unknown()).max(10_000),
    trigger: z.enum(TRIGGERS).default('submit-message'),
    messageId: z.string().min(1).max(256).nullish(),
    agentId: z.string().min(1).max(256).nullish(),
  })
  .meta({ id: 'ChatRequest', description: 'What `useChat` of the AI SDK sends.' });

export type ChatBody = z.output<typeof chatBodySchema>;

/** A user's message as stock clients send it: what else they put into it is left out. */
const chatMessageSchema = z.object({
  id: userMessageSchema.shape.id,
  role: z.literal('user', 'must be a message of a user'),
  parts: userMessageSchema.shape.parts,
});

/** The thread that a chat is. @throws Problem thread-id-required */
export function threadIdOf({ id }: ChatBody): string {
  if (id !== undefined) return id;
  throw new Problem(
    'thread-id-required',
    'Send the id of the chat as `id`; WorkflowChatTransport does so with `prepareSendMessagesRequest`',
  );
}

/** The last message of a user. @throws Problem validation-failed when it is none that a user can send */
export function lastUserMessage(body: ChatBody): SentMessage {
  const found = body.messages.findLastIndex((message) => roleOf(message) === 'user');
  const isLast = roleOf(body.messages.at(-1)) !== 'assistant';
  return parseMessage(body, isLast || found === -1 ? Math.max(0, body.messages.length - 1) : found);
}

/** The message of a user by its id, or else the last one. @throws Problem validation-failed */
export function userMessageById(body: ChatBody, id: string): SentMessage {
  const index = body.messages.findLastIndex((message) => idOf(message) === id);
  return index === -1 ? lastUserMessage(body) : parseMessage(body, index);
}

/** The id of the last message of a user. */
export function lastUserId({ messages }: ChatBody): string | undefined {
  return idOf(messages.findLast((message) => roleOf(message) === 'user'));
}

/** A message of a user as far as it counts. */
export interface SentMessage {
  id?: string | undefined;
  parts: unknown[];
  /** Of the parts, in the body. */
  pointer: string;
}

/** Under its own index, so that what is wrong is pointed at where the client has it. */
function parseMessage({ messages }: ChatBody, index: number): SentMessage {
  const shape = z.object({ messages: z.object({ [index]: chatMessageSchema }) });
  const parsed = parseInput(shape, { messages: { [index]: messages[index] } }, 'validation-failed');
  const { id, parts } = parsed.messages[index] as z.output<typeof chatMessageSchema>;
  return { id, parts, pointer: `/messages/${index}/parts` };
}

/** The id of the last message, if it is an assistant's. */
export function lastAssistantId({ messages }: ChatBody): string | undefined {
  const last = messages.at(-1);
  return roleOf(last) === 'assistant' ? idOf(last) : undefined;
}

/** Everything that the messages answer to tool calls: old answers too, for whole histories are sent. */
export function toolAnswersOf({ messages }: ChatBody): ToolAnswer[] {
  return messages.flatMap((message) => (roleOf(message) === 'assistant' ? readToolAnswers(message) : []));
}

function roleOf(message: unknown): unknown {
  return (message as { role?: unknown } | null | undefined)?.role;
}

function idOf(message: unknown): string | undefined {
  const id = (message as { id?: unknown } | null | undefined)?.id;
  return typeof id === 'string' ? id : undefined;
}
