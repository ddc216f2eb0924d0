import type { Problem } from './generated.ts';

/** What the server says when it does not do what was asked; decide by `code`. */
export class OutlastProblem extends Error {
  override readonly name = 'OutlastProblem';
  /** `unknown`: the answer came from something in between, such as a proxy. */
  readonly code: Problem['code'] | 'unknown';
  readonly status: number;
  /** What is wrong with which field, for `validation-failed`. */
  readonly errors: { pointer: string; message: string }[];
  readonly requestId: string | undefined;
  /** Milliseconds that the server asks to wait for. */
  readonly retryAfterMs: number | undefined;
  /** All that the answer said, also what is special to its code, such as `messageUrl` or `executionId`. */
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, headers: Headers, body: Readonly<Record<string, unknown>>) {
    const said = body as Partial<Problem>;
    super(said.detail ?? said.title ?? `The server answered with status ${status}`);
    this.code = said.code ?? 'unknown';
    this.status = status;
    this.errors = said.errors ?? [];
    this.requestId = headers.get('x-request-id') ?? undefined;
    this.retryAfterMs = parseRetryAfter(headers.get('retry-after'));
    this.body = body;
  }

  /** Reads the problem from an answer that is none of success. */
  static async of(response: Response): Promise<OutlastProblem> {
    const text = await response.text();
    return new OutlastProblem(response.status, response.headers, parseObject(text));
  }
}

/** Whether the same request may well succeed later: the network, a restart, too much load. */
export function isTransient(error: unknown): boolean {
  if (error instanceof OutlastProblem) {
    const { status, code } = error;
    return status >= 500 || [408, 425, 429].includes(status) || code === 'idempotency-in-flight';
  }
  // `fetch` and the readers of its bodies tell a broken network in these two ways.
  return error instanceof TypeError || (error as { name?: unknown } | null)?.name === 'NetworkError';
}

function parseRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** Of what is no JSON, such as the page of a proxy, the status alone is told. */
function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
