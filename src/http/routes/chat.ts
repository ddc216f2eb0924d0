import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { agentChooser } from '../../agents/choose-agent.ts';
import { decideAnswers } from '../../chat/decide-answers.ts';
import { type ChatStream, findChatStream } from '../../chat/find-chat-stream.ts';
import { continuationBase, findExecutionOfAnswer } from '../../chat/find-continuation.ts';
import { findRewriting, type Rewriting } from '../../chat/find-rewriting.ts';
import { stopChat } from '../../chat/stop-chat.ts';
import type { Transaction } from '../../db/database.ts';
import { FROZEN_OWNER_PATIENCE_MS } from '../../db/retry.ts';
import type { CreatedExecution } from '../../executions/add-execution.ts';
import { answerAgain } from '../../executions/answer-again.ts';
import { createExecution } from '../../executions/create-execution.ts';
import { getExecution } from '../../executions/get-execution.ts';
import { type LogHead, readLogHead } from '../../executions/log-head.ts';
import { executionSchema } from '../../executions/view.ts';
import type { FetchedFiles } from '../../files/fetch-files.ts';
import { type SentParts, withFiles } from '../../files/with-files.ts';
import { threadIdSchema } from '../../threads/view.ts';
import { acceptedEffect } from '../accepted-execution.ts';
import type { Answer } from '../answer.ts';
import {
  type ChatBody,
  chatBodySchema,
  lastAssistantId,
  lastUserId,
  lastUserMessage,
  threadIdOf,
  toolAnswersOf,
  userMessageById,
} from '../chat-body.ts';
import type { HttpDeps } from '../deps.ts';
import { answerOutcome, idempotently, keyHeaders, type Outcome } from '../idempotency.ts';
import { type Call, type Route, route } from '../route.ts';
import { resolveCursor } from '../stream/cursor.ts';
import { streamExecution } from '../stream/execution-stream.ts';
import { SSE } from '../stream/framing.ts';
import { AT_ONCE } from '../stream/live.ts';
import { forSdk6 } from '../stream/sdk6.ts';

/** `useChat` sends the whole history each time, with its files. */
const BODY_LIMIT = 32 * 1024 * 1024;

const sdkHeaders = z.object({
  'x-ai-sdk': z.string().optional().meta({ description: '`6` for clients of AI SDK 6.' }),
});
const postHeaders = sdkHeaders.extend(keyHeaders.shape);
const sdk = z
  .enum(['6', '7'])
  .optional()
  .meta({ description: 'The major version of the AI SDK; 7 if absent.' });

type PostCall = Call<unknown, { sdk?: '6' | '7' | undefined }, z.output<typeof postHeaders>, ChatBody>;
type ChatCall = Call<unknown, { sdk?: '6' | '7' | undefined }, z.output<typeof sdkHeaders>, unknown>;

const answers = {
  200: {
    description: 'The UI message stream of the answer. It ends, too, when a person has to act.',
    content: { 'text/event-stream': z.string() },
    headers: {
      'x-execution-id': 'The execution that answers.',
      'x-workflow-run-id': 'What to resume this very stream by.',
      'x-workflow-stream-tail-index':
        'The zero-based index of the last chunk that there was; -1 if there was none.',
    },
  },
};

const send = route({
  method: 'post',
  path: '/api/chat',
  scope: 'executions:write',
  tokens: { thread: 'write' },
  operationId: 'sendChat',
  summary: 'Send what is new in a chat, and stream the answer',
  description:
    'For `useChat` of the AI SDK, as it is. The server keeps the history: of the messages it takes what is new, which ' +
    'is a message to answer again, an edited message, answers to what waits for a person, or the last message.',
  tag: 'Chat',
  headers: postHeaders,
  query: z.strictObject({ sdk }),
  body: chatBodySchema,
  bodyLimit: BODY_LIMIT,
  answers,
  problems: [
    'agent-not-found',
    'agent-required',
    'agent-broken',
    'may-not-decide',
    'message-id-reused',
    'message-not-editable',
    'file-unavailable',
    'thread-id-required',
    'log-expired',
  ],
  handle: async (call, deps) => {
    const { scope, body } = call;
    const threadId = threadIdOf(body);
    const wish = { trigger: body.trigger, messageId: body.messageId, lastUserId: lastUserId(body) };
    const rewriting = await findRewriting(deps.db.orm, scope, threadId, wish);
    if (rewriting !== undefined) return rewriteHistory(call, deps, threadId, rewriting);
    const answered = await decideAnswers(deps, call, threadId, toolAnswersOf(body));
    const continued = await findContinued(call, deps, threadId);
    if (continued === undefined) return addMessage(call, deps, threadId);
    const head = await readLogHead(deps.db.orm, scope, continued.id);
    const base = await continuationBase(deps.db, head, answered);
    return answerContinuation(call, deps, head, { messageId: continued.messageId, base });
  },
});

/** Has a message answered again, edited or not. @throws Problem validation-failed for one that no user can send */
async function rewriteHistory(
  call: PostCall,
  deps: HttpDeps,
  threadId: string,
  { messageId, isEdited }: Rewriting,
): Promise<Answer> {
  const { scope, body } = call;
  const sent = isEdited ? userMessageById(body, messageId) : { parts: undefined, pointer: '' };
  const request = {
    executionId: uuidv7(),
    threadId,
    messageId,
    parts: sent.parts,
    source: 'chat',
    chooseAgent: agentChooser(deps, body.agentId ?? undefined),
  } as const;
  const done = await once(call, deps, sent, (tx, files) =>
    answerAgain(tx, deps, scope, { ...request, files }),
  );
  return answerWhole(call, deps, done);
}

/** Has the last message answered, unless it was before: then that answer is meant. */
async function addMessage(call: PostCall, deps: HttpDeps, threadId: string): Promise<Answer> {
  const { scope, body } = call;
  // Named before the first try: a second one, after a commit that was not heard of, finds the message.
  const { id = uuidv7(), ...sent } = lastUserMessage(body);
  const request = {
    threadId,
    message: { id, parts: sent.parts },
    metadata: {},
    source: 'chat',
    onBusy: 'overtake',
    joinsKnown: true,
    chooseAgent: agentChooser(deps, body.agentId ?? undefined),
  } as const;
  const done = await once(call, deps, sent, (tx, files) =>
    createExecution(tx, deps, scope, { ...request, files }),
  );
  return answerWhole(call, deps, done);
}

/** Does it once for each key; what it did is found again by `x-execution-id`. */
function once(
  call: PostCall,
  deps: HttpDeps,
  sent: SentParts,
  work: (tx: Transaction, files: FetchedFiles) => Promise<CreatedExecution>,
): Promise<Outcome> {
  return withFiles(deps, sent, (files) =>
    idempotently(deps.db, call, FROZEN_OWNER_PATIENCE_MS, async (tx) =>
      acceptedEffect(tx, deps, call.scope, await work(tx, files)),
    ),
  );
}

/** The execution whose answer the client goes on with: the one that it names, or the last of its messages. */
function findContinued({ scope, body }: PostCall, { db }: HttpDeps, threadId: string) {
  const messageId = body.messageId ?? lastAssistantId(body);
  return findExecutionOfAnswer(db, scope, threadId, messageId);
}

async function answerWhole(call: PostCall, deps: HttpDeps, { headers }: Outcome): Promise<Answer> {
  const head = await readLogHead(deps.db.orm, call.scope, headers['x-execution-id'] ?? '');
  return answerChat(call, deps, head, { after: 0, headers });
}

const resume = route({
  method: 'get',
  path: '/api/chat/{id}/stream',
  scope: 'executions:read',
  tokens: { execution: 'read', thread: 'read' },
  operationId: 'resumeChat',
  summary: 'Go on with the answer of a chat',
  description:
    'By the id of a thread: the answer that is being written, from its first row, also one that ended in the last ' +
    'seconds. By the `x-workflow-run-id` of a POST: that stream. 204 if there is nothing to resume.',
  tag: 'Chat',
  params: z.object({ id: z.string() }),
  headers: sdkHeaders,
  query: z.strictObject({
    startIndex: z
      .string()
      .optional()
      .meta({ description: 'How many chunks the client has; a negative number counts back from the end.' }),
    sdk,
  }),
  answers: { ...answers, 204: { description: 'There is nothing to resume.' } },
  problems: ['bad-cursor', 'log-expired'],
  handle: async (call, deps) => {
    const { scope, params, query } = call;
    const found = await findChatStream(deps.db.orm, scope, params.id);
    if (found === undefined) return query.startIndex === undefined ? NOTHING : nothingMore();
    const head = await readLogHead(deps.db.orm, scope, found.executionId);
    if (found.base !== undefined) return answerContinuation(call, deps, head, found, query.startIndex);
    const after = resolveCursor({ startIndex: query.startIndex }, head.lastSeq);
    return answerChat(call, deps, head, { after });
  },
});

const stop = route({
  method: 'post',
  path: '/api/chat/{id}/stop',
  scope: 'executions:write',
  tokens: { thread: 'cancel' },
  operationId: 'stopChat',
  summary: 'End what is being written in a chat',
  description: 'What was said so far stays. What waits for its turn is cancelled, too.',
  tag: 'Chat',
  params: z.object({ id: threadIdSchema }),
  headers: keyHeaders,
  answers: {
    202: {
      description: 'The execution that was active, cancelled.',
      content: { 'application/json': z.object({ execution: executionSchema }) },
      headers: {
        'idempotency-replayed': 'true, if this is the answer to an earlier request with the same key.',
      },
    },
    204: { description: 'There was nothing to end.' },
  },
  handle: async (call, deps) => {
    const { params, scope } = call;
    const outcome = await idempotently(deps.db, call, FROZEN_OWNER_PATIENCE_MS, async (tx) => {
      const stopped = await stopChat(tx, deps, scope, params.id);
      if (stopped === undefined) return { status: 204, headers: {}, body: null };
      const execution = await getExecution(tx, scope, stopped.executionId);
      return { status: 202, headers: {}, body: { execution }, afterCommit: stopped.afterCommit };
    });
    return outcome.status === 204 ? NOTHING : answerOutcome(outcome);
  },
});

const NOTHING: Answer = { kind: 'empty', status: 204 };

/** For a client that goes on asking until it reads a `finish`. */
function nothingMore(): Answer {
  return {
    kind: 'content',
    status: 200,
    headers: { 'content-type': SSE.contentType, ...AT_ONCE },
    content: SSE.unnumbered({ type: 'finish' }) + SSE.done,
  };
}

/**
 * What an execution logged after the client had answered what it waited for. For the client it is a stream of its
 * own: index 0 is a `start` that is no row, index i the row at base + i.
 */
async function answerContinuation(
  call: ChatCall,
  deps: HttpDeps,
  head: LogHead,
  { messageId, base = 0 }: Pick<ChatStream, 'messageId' | 'base'>,
  startIndex?: string,
): Promise<Answer> {
  const length = Math.max(0, head.lastSeq - base) + 1;
  const index = resolveCursor({ startIndex }, length);
  const start = { type: 'start', messageId, messageMetadata: { executionId: head.executionId } };
  return answerChat(call, deps, head, {
    after: Math.min(head.lastSeq, base + Math.max(0, index - 1)),
    opening: index === 0 ? [start] : [],
    headers: {
      'x-workflow-run-id': `${head.executionId}~${base}`,
      'x-workflow-stream-tail-index': String(length - 1),
    },
  });
}

async function answerChat(
  { scope, query, headers }: ChatCall,
  deps: HttpDeps,
  head: LogHead,
  how: { after: number; opening?: readonly object[]; headers?: Record<string, string> },
): Promise<Answer> {
  const isOld = query.sdk === '6' || (query.sdk === undefined && headers['x-ai-sdk'] === '6');
  const framing = isOld ? await forSdk6(deps, head, SSE) : SSE;
  return streamExecution(deps, { scope, head, framing, untilSuspended: true, alwaysFinishes: true, ...how });
}

export const chatRoutes: Route[] = [send, resume, stop];
