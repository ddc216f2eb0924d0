import { parseArgs } from 'node:util';

/** What a run is told; printed with its result, so that it can be made again. */
export interface ChaosOptions {
  seed: number;
  servers: number;
  /** Seconds in which faults happen; what they hit may end after that. */
  seconds: number;
  /** The run goes on until so many faults have happened, however long it takes; undefined: until the time is over. */
  faults: number | undefined;
  /** Milliseconds between two faults, on average. */
  everyMs: number;
  /** Executions under way at any time. */
  executions: number;
  /** Keeps logs and evidence also when nothing is wrong. */
  keep: boolean;
}

const DEFAULTS = { seed: 1, servers: 4, seconds: 45, 'every-ms': 450, executions: 24 };

/** @throws Error for an option that there is not, or that is no positive number */
export function parseOptions(args: string[]): ChaosOptions {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      seed: text,
      servers: text,
      seconds: text,
      faults: text,
      'every-ms': text,
      executions: text,
      keep: { type: 'boolean' },
    },
  });
  const read = (name: keyof typeof DEFAULTS) => toCount(name, values[name] ?? String(DEFAULTS[name]));
  return {
    seed: read('seed'),
    servers: read('servers'),
    seconds: read('seconds'),
    faults: values.faults === undefined ? undefined : toCount('faults', values.faults),
    everyMs: read('every-ms'),
    executions: read('executions'),
    keep: values.keep ?? false,
  };
}

/** The command that makes the same run again. */
export function commandOf({ seed, servers, seconds, faults, everyMs, executions }: ChaosOptions): string {
  const length = faults === undefined ? `--seconds ${seconds}` : `--faults ${faults}`;
  return `npm run chaos -- --seed ${seed} ${length} --servers ${servers} --every-ms ${everyMs} --executions ${executions}`;
}

function toCount(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new Error(`--${name} must be a whole number above 0`);
  return number;
}
