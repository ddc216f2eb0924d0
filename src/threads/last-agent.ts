import type { Executor } from '../db/database.ts';
import { threads } from '../db/schema.ts';
import { isThread, type Scope } from '../db/scope.ts';

/** The agent that answered last in a thread, or that it was made with; none if there is no such thread. */
export async function findLastAgent(
  db: Executor,
  scope: Scope,
  threadId: string | undefined,
): Promise<string | null | undefined> {
  if (threadId === undefined) return undefined;
  const [thread] = await db
    .select({ agentId: threads.agentId })
    .from(threads)
    .where(isThread(scope, threadId));
  return thread?.agentId;
}
