/** A way in which the first of three servers goes. */
export interface Variant {
  name: string;
  signal: 'SIGKILL' | 'SIGTERM';
  /** In a pid namespace of its own, so that the others have nothing but its lease to go by. */
  isVictimIsolated: boolean;
  isStartedAgain: boolean;
  /** What p99 of the time to the next chunk must not exceed. */
  limitMs: number;
}

/** The two others are always on hosts of their own. */
export const VARIANTS: readonly Variant[] = [
  {
    name: 'kill -9, on another host',
    signal: 'SIGKILL',
    isVictimIsolated: true,
    isStartedAgain: false,
    limitMs: 7000,
  },
  {
    name: 'kill -9, started again on its host',
    signal: 'SIGKILL',
    isVictimIsolated: false,
    isStartedAgain: true,
    limitMs: 2000,
  },
  { name: 'SIGTERM', signal: 'SIGTERM', isVictimIsolated: true, isStartedAgain: false, limitMs: 2000 },
];
