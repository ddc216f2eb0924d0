import type { Followed } from '../load/load.ts';
import { checkA1, checkT3, type Told } from './approval-invariants.ts';
import type { Stored } from './evidence.ts';
import { checkE1, checkE2, checkE3, checkE4, checkE5 } from './execution-invariants.ts';
import { checkL1, checkL2, checkL3, checkL4, checkL5, checkL6, type Sight } from './log-invariants.ts';
import { resultsOf } from './results.ts';
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
  'T3',
  'A1',
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

/** What an execution is held to beside what is stored of it. */
export interface Expected {
  /** What its message says when it is completed. */
  texts: readonly string[];
  /** Whether its model itself may make it fail. */
  mayFail: boolean;
  /** What those who decided were answered. */
  told: readonly Told[];
}

/** Holds one execution to all that can be said of it alone. */
export async function verifyOne(
  stored: Stored,
  { texts, mayFail, told }: Expected,
  readers: readonly (Sight & { refusals: readonly string[] })[] = [],
): Promise<Violation[]> {
  const found: [Invariant, string[]][] = [
    ['L1', checkL1(stored)],
    ['L2', [...checkL2(stored, readers), ...readers.flatMap((reader) => reader.refusals)]],
    ['L3', checkL3(stored, readers)],
    ['L4', checkL4(stored)],
    ['L5', await checkL5(stored, texts)],
    ['L6', checkL6(stored)],
    ['E1', checkE1(stored)],
    ['E2', checkE2(stored)],
    ['E3', [...checkE3(stored), ...checkReaders(readers)]],
    ['T1', checkT1(stored)],
    ['T2', checkT2(stored)],
    ['T3', checkT3(stored)],
    ['A1', checkA1(stored, told)],
    ['as-asked', checkOutcome(stored, mayFail)],
  ];
  return found.flatMap(([invariant, faults]) =>
    faults.map((text) => ({ invariant, executionId: stored.id, text })),
  );
}

/** Holds every execution that was accepted to every invariant. */
export async function verify(
  followed: readonly Followed[],
  stored: readonly Stored[],
  early: readonly { executionId: string; seq: number }[],
  told: readonly Told[],
): Promise<Violation[]> {
  const violations: Violation[] = [];
  const add = (invariant: Invariant, executionId: string | undefined, texts: readonly string[]) => {
    for (const text of texts) violations.push({ invariant, executionId, text });
  };
  const byId = new Map(stored.map((one) => [one.id, one]));
  for (const { executionId, readers, task } of followed) {
    const one = byId.get(executionId);
    if (one === undefined) continue;
    const texts = task.tellsResults ? [...task.texts, `done: ${JSON.stringify(resultsOf(one))}`] : task.texts;
    violations.push(...(await verifyOne(one, { texts, mayFail: task.mayFail, told }, readers)));
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
