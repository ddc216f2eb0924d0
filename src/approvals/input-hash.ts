import { createHash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';

/** Binds a decision to the input that was looked at, whoever wrote that JSON out again in between. */
export function inputHash(input: unknown): string {
  return `sha256:${createHash('sha256').update(canonicalJson(input)).digest('hex')}`;
}
