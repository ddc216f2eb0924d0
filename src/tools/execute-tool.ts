import type { ToolContext, ToolDefinition } from '../agents/define-tool.ts';
import { pause } from '../pause.ts';
import { untilAborted } from '../until-aborted.ts';
import { CallLimits } from './call-limits.ts';
import type { LeaseCheck } from './lease-check.ts';
import { type ToolOutcome, UNKNOWN_OUTCOME } from './ledger.ts';

/** Characters of JSON that an output may have. */
const MAX_OUTPUT = 1_000_000;
const RETRY_PAUSE_MS = 200;
const LEASE_UNSURE = 'lease-unsure';

export interface ToolExecution {
  tool: ToolDefinition;
  input: Record<string, unknown>;
  context: ToolContext;
  /** Ends the call: the execution is lost, or its time is over. */
  signal: AbortSignal;
  lease: LeaseCheck;
}

/** A call may end in a way that nobody knows: it is no outcome yet. */
export type TriedOutcome = ToolOutcome | typeof UNKNOWN_OUTCOME;

/** Calls a tool, again if it fails and may be called again; never throws for what the tool does. */
export async function executeTool(execution: ToolExecution): Promise<TriedOutcome> {
  const { tool, signal } = execution;
  let triesLeft = tool.idempotent ? 1 + tool.retries : 1;
  for (let pauseMs = RETRY_PAUSE_MS; ; pauseMs *= 2) {
    const outcome = await tryOnce(execution);
    if (outcome.status === 'completed' || signal.aborted) return outcome;
    // The lease was unsure for a while: no fault of the tool, and the next try waits until it is sure again.
    if (outcome.code === LEASE_UNSURE && tool.idempotent) continue;
    triesLeft -= 1;
    if (triesLeft === 0) return outcome;
    await pause(pauseMs, signal);
  }
}

async function tryOnce({ tool, input, context, signal, lease }: ToolExecution): Promise<TriedOutcome> {
  let limits: CallLimits | undefined;
  try {
    // The last look is synchronously before the call: nothing can come between the lease and the tool (T2).
    while (lease.sureForMs() <= 0) await lease.whenSurelyHeld(signal);
    limits = new CallLimits(tool.timeoutMs, lease);
    const joined = AbortSignal.any([signal, limits.signal]);
    const output = await untilAborted(joined, () => tool.execute(input, { ...context, signal: joined }));
    return toOutcome(output);
  } catch (error) {
    if (signal.aborted) return failure('aborted', 'The execution ended before the tool did');
    if (limits?.reached === 'timeout')
      return failure('timeout', `The tool took longer than ${tool.timeoutMs} ms`);
    if (limits?.reached === 'lease')
      return tool.idempotent ? failure(LEASE_UNSURE, 'Not finished') : UNKNOWN_OUTCOME;
    return failure('tool-error', messageOf(error));
  } finally {
    limits?.stop();
  }
}

function toOutcome(output: unknown): ToolOutcome {
  let json: string | undefined;
  try {
    json = JSON.stringify(output ?? null);
  } catch (error) {
    return failure('invalid-output', `The output is not JSON: ${messageOf(error)}`);
  }
  if (json === undefined) return failure('invalid-output', `The output is not JSON but a ${typeof output}`);
  if (json.length > MAX_OUTPUT) {
    return failure(
      'output-too-large',
      `The output has ${json.length} characters of JSON; ${MAX_OUTPUT} are allowed`,
    );
  }
  return { status: 'completed', output: JSON.parse(json) as unknown };
}

function failure(code: string, text: string): ToolOutcome {
  return { status: 'failed', code, text };
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return typeof error === 'string' ? error : 'The tool threw something that is not an error';
}
