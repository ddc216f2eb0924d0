/** A way in which the first of three servers goes. */
export interface Variant {
  name: string;
  signal: 'SIGKILL' | 'SIGTERM';
  /** Each in a pid namespace of its own, so that the others have nothing but its lease to go by. */
  onHostsOfTheirOwn: boolean;
  isStartedAgain: boolean;
  /** What p99 of the time to the next chunk must not exceed. */
  limitMs: number;
}

export const VARIANTS: readonly Variant[] = [
  {
    name: 'kill -9, on another host',
    signal: 'SIGKILL',
    onHostsOfTheirOwn: true,
    isStartedAgain: false,
    limitMs: 7000,
  },
  {
    name: 'kill -9, all on one host, started again',
    signal: 'SIGKILL',
    onHostsOfTheirOwn: false,
    isStartedAgain: true,
    limitMs: 2000,
  },
  { name: 'SIGTERM', signal: 'SIGTERM', onHostsOfTheirOwn: true, isStartedAgain: false, limitMs: 2000 },
];
