import type { Logger } from 'pino';
import type { AgentDefinition } from '../agents/define-agent.ts';
import type { ApprovalRequest } from '../approvals/request-approval.ts';
import type { OwnedExecution } from '../executions/owned-execution.ts';
import { mustAsk } from '../tools/must-ask.ts';
import { toolContext } from '../tools/tool-context.ts';
import type { ModelAnswer } from './call-model.ts';

/**
 * The calls of a turn that a person has to be asked about, in the order of the calls. Rules are the agent's code, so
 * this comes before the transaction that ends the turn.
 */
export async function findGated(
  deps: { logger: Logger },
  owned: OwnedExecution,
  agent: AgentDefinition,
  turn: { turn: number; calls: ModelAnswer['toolCalls']; signal: AbortSignal },
): Promise<ApprovalRequest[]> {
  const asked = await Promise.all(
    turn.calls.map(async (call) => {
      const tool = agent.tools[call.toolName];
      if (tool === undefined) return undefined;
      const kind = await mustAsk(tool, call.input, toolContext(deps, owned, call), turn.signal);
      return kind === undefined ? undefined : { ...call, kind, turn: turn.turn, tool };
    }),
  );
  return asked.filter((request) => request !== undefined);
}
