import type { Stored } from './evidence.ts';

/** Effects are told in whole milliseconds. */
const ROUNDING_MS = 1;

/** No tool is called without its `running` row, of that very attempt and from before. */
export function checkT1({ effects, callMoves }: Stored): string[] {
  return effects.flatMap(({ tool, toolCallId, attempt, at }) => {
    const begin = callMoves.find(
      (move) => move.toolCallId === toolCallId && move.became === 'running' && move.attempt === attempt,
    );
    const what = `${tool} ${toolCallId} of attempt ${attempt}`;
    if (begin === undefined) return [`${what} was called without a running row`];
    return begin.at > at + ROUNDING_MS
      ? [`${what} was called ${(begin.at - at).toFixed(1)} ms before its row`]
      : [];
  });
}

/** No non-idempotent tool is called twice, and what the ledger calls completed has happened. */
export function checkT2({ calls, effects }: Stored): string[] {
  return calls.flatMap(({ toolCallId, toolName, idempotent, status }) => {
    const done = effects.filter((effect) => effect.toolCallId === toolCallId);
    const faults: string[] = [];
    if (!idempotent && done.length > 1) {
      const attempts = done.map(({ attempt }) => attempt).join(' and ');
      faults.push(`${toolName} ${toolCallId} took effect ${done.length} times, in attempts ${attempts}`);
    }
    if (status === 'completed' && WITH_EFFECT.has(toolName) && done.length === 0) {
      faults.push(`${toolName} ${toolCallId} is completed and never happened`);
    }
    return faults;
  });
}

/** The tools of the example agent that leave a trace. */
const WITH_EFFECT = new Set(['slow_report', 'send_email', 'refund_order']);
