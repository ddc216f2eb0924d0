import { z } from 'zod';
import { type AgentDefinition, defineAgent } from '../../src/agents/define-agent.ts';
import { defineQuestion, defineTool, type ToolOptions } from '../../src/agents/define-tool.ts';

const inputSchema = z.object({ amount: z.number().positive(), note: z.string().default('none') });

export interface Effect {
  tool: string;
  input: unknown;
  idempotencyKey: string;
}

/** An agent with a call that needs approval, one that needs none, and a question; and what its tools did. */
export function agentThatActs(options: Partial<ToolOptions<typeof inputSchema, unknown>> = {}): {
  agent: AgentDefinition;
  effects: Effect[];
} {
  const effects: Effect[] = [];
  const act = (tool: string) => (input: unknown, context: { idempotencyKey: string }) => {
    effects.push({ tool, input, idempotencyKey: context.idempotencyKey });
    return { did: tool, input };
  };
  const common = { description: 'Acts', inputSchema };
  const tools = {
    pay: defineTool({ ...common, needsApproval: true, risk: 'high', execute: act('pay'), ...options }),
    look: defineTool({ ...common, execute: act('look') }),
    ask: defineQuestion({ description: 'Asks', inputSchema: z.object({ question: z.string() }) }),
  };
  return { agent: defineAgent({ instructions: '', tools }), effects };
}

export const pay = (toolCallId: string, amount = 5) => ({ toolCallId, toolName: 'pay', input: { amount } });
export const look = (toolCallId: string) => ({ toolCallId, toolName: 'look', input: { amount: 1 } });
export const question = (toolCallId: string) => ({
  toolCallId,
  toolName: 'ask',
  input: { question: 'Which one?' },
});
