import type { z } from 'zod';
import { type Fault, Problem } from '../problems/problem.ts';
import type { ProblemCode } from '../problems/problem-codes.ts';

/** Faults that are told; a body may have as many as it has bytes. */
const MOST_TOLD = 100;

type Issue = z.core.$ZodIssue;

/** Checks a part of a request. @throws Problem with `code` and every fault. */
export function parseInput<S extends z.ZodType>(schema: S, value: unknown, code: ProblemCode): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap((issue) => toFaults(issue, [], value));
  throw new Problem(code, describe(errors), { errors: errors.slice(0, MOST_TOLD) });
}

/**
 * The parameters of a query: a text, or a list of texts when repeated. `metadata.<key>=<value>` become pairs.
 * @throws Problem bad-query
 */
export function readQuery(search: string): Record<string, unknown> {
  const metadata: [string, string][] = [];
  const values = new Map<string, string | string[]>();
  for (const [name, value] of new URLSearchParams(search)) {
    if (name.includes('\0') || value.includes('\0')) throw unacceptable(name);
    if (name.startsWith('metadata.')) metadata.push([name.slice('metadata.'.length), value]);
    else values.set(name, joined(values.get(name), value));
  }
  return { ...Object.fromEntries(values), ...(metadata.length === 0 ? {} : { metadata }) };
}

function joined(before: string | string[] | undefined, value: string): string | string[] {
  return before === undefined ? value : [before, value].flat();
}

function unacceptable(name: string): Problem {
  const pointer = toPointer([name.replaceAll('\0', '')]);
  const errors = [{ pointer, message: 'must not contain U+0000' }];
  return new Problem('bad-query', describe(errors), { errors });
}

function describe(errors: readonly Fault[]): string {
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return `${first?.pointer || 'The body'}: ${first?.message ?? 'is not valid'}${more}`;
}

function toFaults(issue: Issue, base: readonly PropertyKey[], root: unknown): Fault[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ pointer: toPointer([...path, key]), message: 'is not known' }));
  }
  if (issue.code === 'invalid_union' && valueAt(root, path) !== undefined) {
    const branch = closestBranch(issue.errors);
    if (branch !== undefined) return branch.flatMap((inner) => toFaults(inner, path, root));
  }
  const isMissing = valueAt(root, path) === undefined && issue.code !== 'custom';
  return [{ pointer: toPointer(path), message: isMissing ? 'is required' : issue.message }];
}

/** Of the shapes that a value may have, the one that it was meant to be: its kind at least fits. */
function closestBranch(branches: readonly Issue[][]): readonly Issue[] | undefined {
  return branches.find(
    (issues) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return value;
}

/** RFC 6901. */
function toPointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
