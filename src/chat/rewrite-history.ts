import { chooseAgent } from '../agents/choose-agent.ts';
import type { Transaction } from '../db/database.ts';
import type { Scope } from '../db/scope.ts';
import type { CreatedExecution } from '../executions/add-execution.ts';
import { answerAgain } from '../executions/answer-again.ts';
import type { FetchedFiles } from '../files/fetch-files.ts';
import type { HttpDeps } from '../http/deps.ts';
import type { ChatBody } from './chat-body.ts';
import type { Rewriting } from './find-rewriting.ts';

/** Has a message of a chat answered again, edited or not. @throws Problem as `answerAgain` does */
export function rewriteHistory(
  tx: Transaction,
  deps: HttpDeps,
  scope: Scope,
  request: Rewriting & { executionId: string; threadId: string; body: ChatBody; files: FetchedFiles },
): Promise<CreatedExecution> {
  const { executionId, threadId, body, messageId, parts, files } = request;
  return answerAgain(tx, deps, scope, {
    executionId,
    threadId,
    messageId,
    parts,
    files,
    source: 'chat',
    chooseAgent: (ofThread) =>
      chooseAgent(deps.agents, {
        requested: body.agentId ?? undefined,
        ofThread,
        fallback: deps.config.OUTLAST_DEFAULT_AGENT,
      }).id,
  });
}
