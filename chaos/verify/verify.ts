import type { Followed } from '../load/load.ts';
import type { Stored } from './evidence.ts';
import { checkE1, checkE2, checkE3, checkE4, checkE5 } from './execution-invariants.ts';
import { checkL1, checkL2, checkL3, checkL4, checkL5, checkL6, type Sight } from './log-invariants.ts';
import { checkT1, checkT2 } from './tool-invariants.ts';

/** The invariants of ARCHITECTURE.md, and `as-asked`: each execution is completed, unless its own model gave up. */
export const INVARIANTS = [
  'L1',
  'L2',
  'L3',
  'L4',
  'L5',
  'L6',
  'E1',
  'E2',
  'E3',
  'E4',
  'E5',
  'T1',
  'T2',
  'as-asked',
] as const;
export type Invariant = (typeof INVARIANTS)[number];

/** An invariant that does not hold, and where. */
export interface Violation {
  invariant: Invariant;
  executionId: string | undefined;
  text: string;
}

/** Failed model calls after which an execution rightly fails: the limit of the example agents. */
const MODEL_RETRIES = 4;

/** Holds every execution that was accepted to every invariant. */
export async function verify(
  followed: readonly Followed[],
  stored: readonly Stored[],
  early: readonly { executionId: string; seq: number }[],
): Promise<Violation[]> {
  const violations: Violation[] = [];
  const add = (invariant: Invariant, executionId: string | undefined, texts: readonly string[]) => {
    for (const text of texts) violations.push({ invariant, executionId, text });
  };
  const byId = new Map(stored.map((one) => [one.id, one]));
  for (const { executionId, readers, task } of followed) {
    const one = byId.get(executionId);
    if (one === undefined) continue;
    add('L1', executionId, checkL1(one));
    add('L2', executionId, [...checkL2(one, readers), ...readers.flatMap((reader) => reader.refusals)]);
    add('L3', executionId, checkL3(one, readers));
    add('L4', executionId, checkL4(one));
    add('L5', executionId, await checkL5(one, task.texts));
    add('L6', executionId, checkL6(one));
    add('E1', executionId, checkE1(one));
    add('E2', executionId, checkE2(one));
    add('E3', executionId, [...checkE3(one), ...checkReaders(readers)]);
    add('T1', executionId, checkT1(one));
    add('T2', executionId, checkT2(one));
    add('as-asked', executionId, checkOutcome(one, task.mayFail));
  }
  for (const { executionId, seq } of early)
    add('L3', executionId, [`row ${seq} was delivered before its commit`]);
  const accepted = followed.map(({ executionId }) => executionId);
  add('E4', undefined, [...checkE4(accepted, stored), ...checkOnce(accepted)]);
  add('E5', undefined, checkE5(stored));
  return violations;
}

function checkReaders(readers: readonly Sight[]): string[] {
  return readers.flatMap(({ isDone }, i) => (isDone ? [] : [`reader ${i} has not been told the end`]));
}

/** Each request has a key of its own: it makes one execution, however often it was sent. */
function checkOnce(accepted: readonly string[]): string[] {
  return accepted.flatMap((id, i) => (accepted.indexOf(id) < i ? [`${id} answers two requests`] : []));
}

function checkOutcome({ status, errorCode, errorDetail, failures }: Stored, mayFail: boolean): string[] {
  if (status !== 'failed') return [];
  const isModels = mayFail && failures > MODEL_RETRIES && errorCode?.startsWith('model-') === true;
  return isModels ? [] : [`it failed: ${errorCode}, ${errorDetail}`];
}
