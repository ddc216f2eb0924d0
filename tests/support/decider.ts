import { uuidv7 } from 'uuidv7';
import { registerAgentLoader } from '../../src/agents/import-agent.ts';
import { loadAgents } from '../../src/agents/load-agents.ts';
import type { DecisionRequest } from '../../src/approvals/check-decision.ts';
import { decide } from '../../src/approvals/decide.ts';
import type { Approval } from '../../src/approvals/view.ts';
import { openDatabase } from '../../src/db/database.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import { createEngine } from '../../src/dbos/engine.ts';
import { ThreadNews } from '../../src/threads/thread-news.ts';
import { silentLog } from './silent-log.ts';

/** Somebody who decides with all that a decision can be, in this process, which runs no execution. */
export interface Decider {
  /** @throws Problem as `decide` does */
  decide(approvalId: string, request: DecisionRequest): Promise<Approval>;
  close(): Promise<void>;
}

/** One per process: it configures DBOS. */
export async function openDecider(databaseUrl: string, agentsDir: string): Promise<Decider> {
  const idleTransactionMs = 4000;
  const db = openDatabase({ url: databaseUrl, poolSize: 5, idleTransactionMs, onError: () => undefined });
  const agents = await loadAgents({ dir: agentsDir, importModule: registerAgentLoader() });
  const engine = await createEngine({
    databaseUrl,
    executorId: uuidv7(),
    idleTransactionMs,
    concurrency: 0,
    freeSlots: () => 0,
    logger: silentLog,
  });
  const { dispatch, segments } = engine;
  // Readers look at the table by themselves once a second.
  const deps = {
    db,
    agents,
    dispatch,
    discard: segments.discard,
    publish: () => undefined,
    threadNews: new ThreadNews(),
  };
  return {
    decide: (approvalId, request) => decide(deps, OPEN_SCOPE, { approvalId }, request),
    close: async () => {
      await engine.shutdown();
      await db.close();
    },
  };
}
