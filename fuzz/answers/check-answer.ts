import { PROBLEM_CODES, type ProblemCode } from '../../src/problems/problem-codes.ts';
import { type FuzzAnswer, LONGEST_MS } from './send-request.ts';

/** On every answer, whoever gets it. */
const HEADERS = [
  'x-request-id',
  'x-content-type-options',
  'x-frame-options',
  'referrer-policy',
  'content-security-policy',
  'cross-origin-resource-policy',
  'cache-control',
];
/** What only the inside of a server says. */
const INSIDE = [
  /\n\s+at /,
  /node_modules/,
  /\.[cm]?[jt]s:\d/,
  /node:internal/,
  /\b(?:Type|Range|Reference|Syntax|Database|URI|DrizzleQuery)Error\b/,
  /Cannot read propert|is not a function|is not iterable|\[object Object\]/,
  /\b(?:outlast|dbos)\.[a-z_]+\b/,
  /violates [a-z-]+ constraint|relation "|invalid input syntax|duplicate key|failed query/i,
  /\bSELECT\b.*\bFROM\b|\bINSERT INTO\b|\bUPDATE\b.*\bSET\b/,
  /postgres(?:ql)?:\/\//,
];

const SHOWN = 300;

/** Everything that is wrong with an answer. @param statuses which the document names; undefined: any will do */
export function checkAnswer(
  method: string,
  answer: FuzzAnswer,
  statuses: ReadonlySet<number> | undefined,
): string[] {
  const { status, headers, text, fault, tookMs, hungUp } = answer;
  if (fault !== undefined) return [fault];
  if (status === 0 && hungUp) return [];
  const isRequest = !isBroken(answer);
  const missing = isRequest ? HEADERS.filter((name) => headers[name] === undefined) : [];
  const faults = missing.map((name) => `there is no ${name}`);
  if (headers['x-injected'] !== undefined || /^x-injected/m.test(headersOf(headers)))
    faults.push('a header was injected');
  if (status >= 500) faults.push(`status ${status}: ${text.slice(0, SHOWN)}`);
  if (tookMs > LONGEST_MS) faults.push(`it took ${Math.round(tookMs)} ms`);
  if (isRequest && statuses !== undefined && !statuses.has(status))
    faults.push(`status ${status} is not documented: ${text.slice(0, SHOWN)}`);
  if (status >= 400 && method !== 'HEAD') faults.push(...checkProblem(answer));
  if (status >= 400)
    faults.push(
      ...INSIDE.filter((inside) => inside.test(text)).map(
        (one) => `it tells ${one}: ${text.slice(0, SHOWN)}`,
      ),
    );
  return faults;
}

/** What is no HTTP is answered before there is a request: most headers of answers are not there. */
function isBroken({ status, headers }: FuzzAnswer): boolean {
  const isEarly = headers['x-request-id'] === undefined && headers['connection'] === 'close';
  return isEarly && (status === 400 || status === 431);
}

function checkProblem({ status, headers, text }: FuzzAnswer): string[] {
  if (headers['content-type'] !== 'application/problem+json') {
    return [`status ${status} is no problem but ${String(headers['content-type'])}: ${text.slice(0, SHOWN)}`];
  }
  const problem = parse(text);
  if (problem === undefined) return [`it is no JSON: ${text.slice(0, SHOWN)}`];
  const { code, type, title, detail, instance } = problem;
  const known = PROBLEM_CODES[code as ProblemCode] as { status: number; title: string } | undefined;
  const isRight =
    known !== undefined &&
    known.status === status &&
    problem['status'] === status &&
    title === known.title &&
    type === `/docs/problems#${String(code)}` &&
    typeof instance === 'string' &&
    (status === 500 || typeof detail === 'string');
  return isRight ? [] : [`it is not a problem as they are: ${text.slice(0, SHOWN)}`];
}

function headersOf(headers: FuzzAnswer['headers']): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${String(value)}`)
    .join('\n');
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
