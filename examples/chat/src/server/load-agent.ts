import { getJson } from './get-json.ts';

export interface Agent {
  id: string;
  model: string;
  /** A script answers, not an AI. */
  demo: boolean;
}

/** The agent that answers here. */
export const AGENT_ID = 'operator';

export function loadAgent(): Promise<Agent | undefined> {
  return getJson<Agent>(`/agents/${AGENT_ID}`);
}
