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

/**
 * No non-idempotent tool is called twice without a person saying so, what the ledger calls completed has happened or
 * was told by a person, and no call is given up without a person having said so.
 */
export function checkT2({ calls, effects, asked }: Pick<Stored, 'calls' | 'effects' | 'asked'>): string[] {
  return calls.flatMap(({ toolCallId, toolName, idempotent, status }) => {
    const done = effects.filter((effect) => effect.toolCallId === toolCallId);
    const ends = asked.filter((one) => one.toolCallId === toolCallId).map((one) => one.status);
    const retries = ends.filter((end) => end === 'retried').length;
    const what = `${toolName} ${toolCallId}`;
    const faults: string[] = [];
    if (!idempotent && done.length > 1 + retries) {
      const attempts = done.map(({ attempt }) => attempt).join(' and ');
      faults.push(
        `${what} took effect ${done.length} times with ${retries} retries, in attempts ${attempts}`,
      );
    }
    if (
      status === 'completed' &&
      WITH_EFFECT.has(toolName) &&
      done.length === 0 &&
      !ends.includes('resolved')
    )
      faults.push(`${what} is completed and never happened`);
    const isDenied = ends.includes('denied') || ends.includes('expired');
    if (status === 'denied' && !isDenied) faults.push(`${what} is denied, and nobody has said so`);
    return faults;
  });
}

/** The tools that leave a trace: those of the example agent, and of the agents of the crash tests. */
const WITH_EFFECT = new Set([
  'slow_report',
  'send_email',
  'refund_order',
  'hurried_refund',
  'trusted_refund',
  'hang_first',
]);
