import { parseArgs } from 'node:util';

/** What a run is told; printed with what it found, so that it can be made again. */
export interface FuzzOptions {
  seed: number;
  /** How many are sent; what is sent to make a failing one smaller is not counted. */
  requests: number;
}

const DEFAULTS = { seed: '1', requests: '20000' };

/** @throws Error for an option that there is not, or that is no whole number above 0 */
export function parseOptions(args: string[]): FuzzOptions {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ args, options: { seed: text, requests: text } });
  const read = (name: keyof typeof DEFAULTS) => toCount(name, values[name] ?? DEFAULTS[name]);
  return { seed: read('seed'), requests: read('requests') };
}

function toCount(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`--${name} must be a whole number above 0`);
}
