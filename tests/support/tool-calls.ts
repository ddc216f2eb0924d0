import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { type AgentDefinition, defineAgent } from '../../src/agents/define-agent.ts';
import { defineQuestion, defineTool, type ToolOptions } from '../../src/agents/define-tool.ts';
import { type Database, transaction } from '../../src/db/database.ts';
import { toolCalls } from '../../src/db/schema.ts';
import { handOver } from '../../src/executions/hand-over.ts';
import type { OwnedExecution } from '../../src/executions/owned-execution.ts';
import { callTool } from '../../src/tools/call-tool.ts';
import type { LeaseCheck } from '../../src/tools/lease-check.ts';
import type { ToolCallRow } from '../../src/tools/ledger.ts';
import { claim, createOwned, insertWorker, own, recordDispatch } from './executions.ts';
import { storedLines } from './log-database.ts';
import { silentLog } from './silent-log.ts';

/** A lease that is never in doubt. */
const HELD: LeaseCheck = { sureForMs: () => 3_600_000, whenSurelyHeld: async () => undefined };
const inputSchema = z.object({ n: z.number().optional() });

export type Execute = ToolOptions<typeof inputSchema, unknown>['execute'];

/** An agent with the tool `act` and the question `ask`. */
export function agentWith(
  execute: Execute,
  options: Partial<ToolOptions<typeof inputSchema, unknown>> = {},
): AgentDefinition {
  const act = defineTool({ description: 'Acts', inputSchema, execute, ...options });
  const ask = defineQuestion({ description: 'Asks', inputSchema });
  return defineAgent({ instructions: '', tools: { act, ask } });
}

/** Puts a call into the ledger, as the end of a turn does. */
export async function insertCall(
  db: Database,
  owned: OwnedExecution,
  call: Partial<ToolCallRow> = {},
): Promise<string> {
  const { id, tenantId } = owned.claimed;
  const toolCallId = call.toolCallId ?? 'c1';
  const whole = {
    turn: 1,
    position: 0,
    toolName: 'act',
    input: {},
    idempotent: false,
    status: 'pending',
    ...call,
  };
  await db.orm.insert(toolCalls).values({ executionId: id, tenantId, ...whole, toolCallId });
  return toolCallId;
}

export async function callOf(db: Database, owned: OwnedExecution): Promise<ToolCallRow> {
  const [row] = await db.orm.select().from(toolCalls).where(eq(toolCalls.executionId, owned.claimed.id));
  return row as ToolCallRow;
}

/** Calls the tool that `insertCall` has put into the ledger. */
export async function run(
  db: Database,
  owned: OwnedExecution,
  agent: AgentDefinition,
  lease = HELD,
): Promise<void> {
  await callTool(
    { db, lease, redact: String, logger: silentLog },
    owned,
    { agent, limits: agent.limits },
    'c1',
  );
}

/** Calls a tool of a new execution; gives back the ledger's row and the log. */
export async function callOnce(
  db: Database,
  execute: Execute,
  options: Partial<ToolOptions<typeof inputSchema, unknown>> = {},
  call: Partial<ToolCallRow> = {},
) {
  const owned = await createOwned(db);
  await insertCall(db, owned, { idempotent: options.idempotent ?? false, ...call });
  await run(db, owned, agentWith(execute, options));
  return { owned, row: await callOf(db, owned), lines: await storedLines(db, owned.claimed.no) };
}

/** The execution as the next worker has it, after the one before died. */
export async function takenOver(db: Database, owned: OwnedExecution): Promise<OwnedExecution> {
  const { id, attempt, segment } = owned.claimed;
  const from = { executionId: id, status: 'running' as const, attempt, segment };
  const { dispatch } = recordDispatch();
  await transaction(db, (tx) => handOver(tx, dispatch, async () => undefined, [from], 'crashed'));
  return own(db, await claim(db, await insertWorker(db), id, segment + 1));
}
