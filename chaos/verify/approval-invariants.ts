import { isDeepStrictEqual } from 'node:util';
import { DECISIONS } from '../../src/approvals/status.ts';
import type { Asked, Stored } from './evidence.ts';

/** Effects are told in whole milliseconds. */
const ROUNDING_MS = 1;

/** What somebody who decided was answered: how it was decided, by whomever. */
export interface Told {
  approvalId: string;
  status: string;
}

/** An approval is decided once: one end, in the history too, that fits its kind, and everybody is told the same. */
export function checkA1({ asked, isFinished }: Pick<Stored, 'asked' | 'isFinished'>, told: readonly Told[]) {
  return asked.flatMap((approval) => {
    const { approvalId, kind, status, history } = approval;
    const what = `${kind} ${approvalId}`;
    const faults: string[] = [];
    const wanted = status === 'pending' ? ['requested'] : ['requested', status];
    if (!isDeepStrictEqual(history, wanted)) faults.push(`${what} is ${status} after ${history.join(', ')}`);
    if (!endsOf(approval).includes(status)) faults.push(`${what} is ${status}, which it cannot be`);
    if (isFinished && status === 'pending') faults.push(`${what} is pending and its execution is over`);
    for (const one of told) {
      if (one.approvalId === approvalId && one.status !== status)
        faults.push(`${what} is ${status}, and somebody was told that it is ${one.status}`);
    }
    return faults;
  });
}

function endsOf({ kind }: Asked): string[] {
  return ['pending', 'expired', 'cancelled', ...Object.values(DECISIONS[kind])];
}

/** What was approved is what runs: no effect before the approval, with another input, or without one. */
export function checkT3({ asked, calls, effects }: Pick<Stored, 'asked' | 'calls' | 'effects'>): string[] {
  return effects.flatMap(({ tool, toolCallId, input, at }) => {
    const what = `${tool} ${toolCallId}`;
    const call = calls.find((one) => one.toolCallId === toolCallId);
    const gate = asked.find((one) => one.toolCallId === toolCallId && one.kind === 'approval');
    const faults: string[] = [];
    if (gate !== undefined && gate.status !== 'approved') faults.push(`${what} ran and is ${gate.status}`);
    if (gate !== undefined && (gate.decidedAt ?? Number.POSITIVE_INFINITY) > at + ROUNDING_MS)
      faults.push(`${what} ran before it was approved`);
    const wanted = gate?.editedInput ?? gate?.input ?? call?.input;
    if (!isDeepStrictEqual(input, wanted))
      faults.push(`${what} ran with ${JSON.stringify(input)} instead of ${JSON.stringify(wanted)}`);
    return faults;
  });
}
