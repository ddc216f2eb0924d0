import { PROBLEM_CODES, type ProblemCode } from './problem-codes.ts';

/** One fault of a request: where it is, as a JSON pointer into the body or `/<name>` of a parameter. */
export interface Fault {
  readonly pointer: string;
  readonly message: string;
}

export interface ProblemOptions {
  /** All faults that validation found. */
  errors?: readonly Fault[];
  /** Further members, by which a client can act. */
  extra?: Record<string, unknown>;
  headers?: Record<string, string>;
  cause?: unknown;
}

/** As a client reads it. */
export interface ProblemBody extends Record<string, unknown> {
  detail?: string;
  errors?: readonly Fault[];
}

/** An expected failure that a client sees (RFC 9457). Everything else that is thrown is a bug. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly #options: ProblemOptions;

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = PROBLEM_CODES[code].status;
    this.headers = options.headers ?? {};
    this.#options = options;
  }

  /** The body of the answer. A 500 tells nothing but its code. */
  toBody(instance: string): ProblemBody {
    const { errors, extra } = this.#options;
    return {
      type: `/docs/problems#${this.code}`,
      title: PROBLEM_CODES[this.code].title,
      status: this.status,
      ...(this.status === 500 ? {} : { detail: this.message }),
      instance,
      code: this.code,
      ...(errors === undefined ? {} : { errors }),
      ...extra,
    };
  }
}
