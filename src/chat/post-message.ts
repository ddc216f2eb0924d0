import { chooseAgent } from '../agents/choose-agent.ts';
import type { Transaction } from '../db/database.ts';
import type { Scope } from '../db/scope.ts';
import type { CreatedExecution } from '../executions/add-execution.ts';
import { createExecution } from '../executions/create-execution.ts';
import type { FetchedFiles } from '../files/fetch-files.ts';
import type { HttpDeps } from '../http/deps.ts';
import { findLastAgent } from '../threads/last-agent.ts';
import type { ChatBody } from './chat-body.ts';

/** What is new in a chat. */
interface ChatMessage {
  threadId: string;
  body: ChatBody;
  message: { id: string; parts: unknown[] };
  files: FetchedFiles;
}

/**
 * Adds the message of a user to a chat and has it answered, unless it was before: then that answer is meant. A chat
 * does not wait behind a question that the user has walked away from.
 * @throws Problem as `createExecution` does
 */
export async function postMessage(
  tx: Transaction,
  deps: HttpDeps,
  scope: Scope,
  { threadId, body, message, files }: ChatMessage,
): Promise<CreatedExecution> {
  const agent = chooseAgent(deps.agents, {
    requested: body.agentId ?? undefined,
    ofThread: await findLastAgent(tx, scope, threadId),
    fallback: deps.config.OUTLAST_DEFAULT_AGENT,
  });
  return createExecution(tx, deps, scope, {
    agentId: agent.id,
    threadId,
    message,
    files,
    metadata: {},
    source: 'chat',
    onBusy: 'overtake',
    joinsKnown: true,
  });
}
