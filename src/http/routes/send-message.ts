import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { agentChooser } from '../../agents/choose-agent.ts';
import type { Transaction } from '../../db/database.ts';
import { FROZEN_OWNER_PATIENCE_MS } from '../../db/retry.ts';
import type { CreatedExecution } from '../../executions/add-execution.ts';
import { type AnswerAgain, answerAgain } from '../../executions/answer-again.ts';
import { createExecution } from '../../executions/create-execution.ts';
import { executionSchema } from '../../executions/view.ts';
import type { FetchedFiles } from '../../files/fetch-files.ts';
import { withFiles } from '../../files/with-files.ts';
import { Problem } from '../../problems/problem.ts';
import { messageSchema } from '../../threads/message-view.ts';
import { threadIdSchema } from '../../threads/view.ts';
import { acceptedMessage } from '../accepted-execution.ts';
import type { Answer } from '../answer.ts';
import type { HttpDeps } from '../deps.ts';
import { answerOutcome, idempotently, type KeyedCall, keyHeaders } from '../idempotency.ts';
import { type AnswerDescription, type Call, type Route, route } from '../route.ts';
import { editedMessageSchema, newMessageSchema, regenerateSchema, toParts } from '../thread-body.ts';

const params = z.object({ id: threadIdSchema });
const messageParams = z.object({ id: threadIdSchema, messageId: z.string().regex(/^[^\0]{1,256}$/) });

const accepted: Record<number, AnswerDescription> = {
  202: {
    description: 'Accepted: message and execution are durable from now on.',
    content: { 'application/json': z.object({ message: messageSchema, execution: executionSchema }) },
    headers: {
      location: 'Where the execution is.',
      'x-execution-id': 'Its id.',
      'idempotency-replayed': 'true, if this is the answer to an earlier request with the same key.',
    },
  },
};

const post = route({
  method: 'post',
  path: '/threads/{id}/messages',
  scope: 'executions:write',
  tokens: { thread: 'write' },
  operationId: 'postMessage',
  summary: 'Add a message and have it answered',
  description:
    'A missing thread is made. The id of the message is a dedupe key: sent again, it starts no second execution. ' +
    'Without `agentId`: the agent that answered last, as for executions.',
  tag: 'Threads',
  params,
  headers: keyHeaders,
  body: newMessageSchema,
  answers: accepted,
  problems: [
    'thread-id-mismatch',
    'agent-not-found',
    'agent-required',
    'agent-broken',
    'thread-busy',
    'message-id-reused',
    'file-unavailable',
  ],
  handle: (call, deps) => {
    const { scope, body } = call;
    const threadId = call.params.id;
    if (body.threadId !== undefined && body.threadId !== threadId)
      throw new Problem('thread-id-mismatch', `The body names another thread than ${threadId}`);
    // Chosen before the first try: a second one, after a commit that was not heard of, finds the message.
    const message = { id: body.id ?? uuidv7(), parts: toParts(body) };
    return answerMessage(call, deps, message.parts, (tx, files) =>
      createExecution(tx, deps, scope, {
        chooseAgent: agentChooser(deps, body.agentId),
        threadId,
        message,
        files,
        metadata: {},
        source: 'api',
        onBusy: body.onBusy ?? 'overtake',
        joinsKnown: true,
      }),
    );
  },
});

const edit = route({
  method: 'put',
  path: '/threads/{id}/messages/{messageId}',
  scope: 'executions:write',
  tokens: { thread: 'write' },
  operationId: 'editMessage',
  summary: 'Edit a message of a user and have it answered again',
  description:
    'What came after it leaves the history; what was running is cancelled and can write nothing more.',
  tag: 'Threads',
  params: messageParams,
  headers: keyHeaders,
  body: editedMessageSchema,
  answers: accepted,
  problems: ['agent-not-found', 'agent-required', 'agent-broken', 'message-not-editable', 'file-unavailable'],
  handle: (call, deps) => again(call, deps, { parts: toParts(call.body) }),
});

const regenerate = route({
  method: 'post',
  path: '/threads/{id}/messages/{messageId}/regenerate',
  scope: 'executions:write',
  tokens: { thread: 'write' },
  operationId: 'regenerateMessage',
  summary: 'Drop an answer and answer again',
  description: 'Takes the id of the answer, or of the message of the user that it is to.',
  tag: 'Threads',
  params: messageParams,
  headers: keyHeaders,
  body: regenerateSchema,
  answers: accepted,
  problems: ['agent-not-found', 'agent-required', 'agent-broken'],
  handle: (call, deps) => again(call, deps, {}),
});

type MessageCall = Call<
  { id: string; messageId: string },
  unknown,
  KeyedCall['headers'],
  { agentId?: string | undefined } | undefined
>;

function again(call: MessageCall, deps: HttpDeps, change: Pick<AnswerAgain, 'parts'>): Promise<Answer> {
  const { id: threadId, messageId } = call.params;
  // Named before the first try, by which a second one knows what it did.
  const request = {
    executionId: uuidv7(),
    threadId,
    messageId,
    source: 'api',
    chooseAgent: agentChooser(deps, call.body?.agentId),
    ...change,
  } as const;
  return answerMessage(call, deps, change.parts, (tx, files) =>
    answerAgain(tx, deps, call.scope, { ...request, files }),
  );
}

/** Does it once for each key, and answers with the message and its execution. */
async function answerMessage(
  call: KeyedCall,
  deps: HttpDeps,
  parts: unknown[] | undefined,
  create: (tx: Transaction, files: FetchedFiles) => Promise<CreatedExecution>,
): Promise<Answer> {
  const outcome = await withFiles(deps, { parts, pointer: '/parts' }, (files) =>
    idempotently(deps.db, call, FROZEN_OWNER_PATIENCE_MS, async (tx) =>
      acceptedMessage(tx, deps, call.scope, await create(tx, files)),
    ),
  );
  return answerOutcome(outcome);
}

export const sendMessageRoutes: Route[] = [post, edit, regenerate];
