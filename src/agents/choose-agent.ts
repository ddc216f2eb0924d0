import type { Config } from '../config/config.ts';
import { Problem } from '../problems/problem.ts';
import type { AgentCatalog, AgentEntry } from './load-agents.ts';

export interface AgentWishes {
  /** What the request names. */
  requested: string | undefined;
  /** The agent that answered last in the thread. */
  ofThread: string | null | undefined;
  /** What the server is set to (OUTLAST_DEFAULT_AGENT). */
  fallback: string | undefined;
}

/**
 * The agent that answers: the one that is named, else the thread's last, the default, `assistant`, the only one.
 * @throws Problem agent-not-found, agent-required, agent-broken
 */
export function chooseAgent(agents: AgentCatalog, wishes: AgentWishes): AgentEntry {
  const entry = wishes.requested === undefined ? obvious(agents, wishes) : agents.get(wishes.requested);
  if (entry === undefined) throw missing(wishes.requested);
  if (entry.error !== null)
    throw new Problem('agent-broken', `The agent "${entry.id}" cannot run: ${entry.error}`);
  return entry;
}

/** Names the agent that answers, told the one that answered last in the thread. @throws Problem as `chooseAgent` */
export type ChooseAgent = (ofThread: string | null) => string;

/** Chooses for a request that names an agent or none, as soon as its thread is known. */
export function agentChooser(
  { agents, config }: { agents: AgentCatalog; config: Pick<Config, 'OUTLAST_DEFAULT_AGENT'> },
  requested: string | undefined,
): ChooseAgent {
  const fallback = config.OUTLAST_DEFAULT_AGENT;
  return (ofThread) => chooseAgent(agents, { requested, ofThread, fallback }).id;
}

function obvious(agents: AgentCatalog, { ofThread, fallback }: AgentWishes): AgentEntry | undefined {
  for (const id of [ofThread, agents.only?.[0], fallback, 'assistant']) {
    const entry = id == null ? undefined : agents.get(id);
    if (entry !== undefined) return entry;
  }
  const all = agents.list();
  return all.length === 1 ? all[0] : undefined;
}

function missing(requested: string | undefined): Problem {
  if (requested === undefined)
    return new Problem('agent-required', 'Say which agent is to answer: send agentId');
  return new Problem('agent-not-found', `There is no agent "${requested}"`);
}
