import type { AgentCatalog } from './load-agents.ts';

/** The catalog for somebody for whom there are only these; the first answers where nobody names one. */
export function onlyAgents(agents: AgentCatalog, only: readonly string[]): AgentCatalog {
  return {
    list: () => agents.list().filter(({ id }) => only.includes(id)),
    get: (id) => (only.includes(id) ? agents.get(id) : undefined),
    only,
    warning: agents.warning,
  };
}
