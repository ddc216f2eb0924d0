import { seededRandom } from '../random.ts';

/** What is done to the cluster. */
export const FAULT_KINDS = [
  'SIGKILL',
  'SIGSTOP',
  'SIGTERM',
  'terminate-backends',
  'cut-readers',
  'postgres-fast',
  'postgres-immediate',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** One fault that is to come. */
export interface PlannedFault {
  no: number;
  kind: FaultKind;
  /** Milliseconds to wait before it. */
  afterMs: number;
  /** From 0 to 1: which of those that it may hit. */
  choice: number;
  /** From 0 to 1: how long or how much, for kinds that have that. */
  extent: number;
}

/** How often each kind comes in one round of faults. */
const ROUND: Record<FaultKind, number> = {
  SIGKILL: 25,
  SIGSTOP: 5,
  SIGTERM: 2,
  'terminate-backends': 4,
  'cut-readers': 2,
  'postgres-fast': 1,
  'postgres-immediate': 1,
};

/** Without end: round after round, each in an order of its own, so that every kind comes as often as it should. */
export function* planFaults(seed: number, everyMs: number): Generator<PlannedFault, never> {
  const random = seededRandom(seed, 'faults');
  const round = FAULT_KINDS.flatMap((kind) => Array.from({ length: ROUND[kind] }, () => kind));
  for (let no = 1; ; ) {
    for (const kind of random.shuffled(round)) {
      const afterMs = Math.round(everyMs * (0.5 + random.next()));
      yield { no, kind, afterMs, choice: random.next(), extent: random.next() };
      no += 1;
    }
  }
}
