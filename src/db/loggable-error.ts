import { DrizzleQueryError } from 'drizzle-orm';

/** A failed query without the values that it was run with. */
export class QueryFailed extends Error {
  override readonly name = 'QueryFailed';
  readonly query: string;
  readonly code: string | undefined;

  constructor(error: DrizzleQueryError) {
    const { code, message = 'unknown' } = (error.cause ?? {}) as { code?: string; message?: string };
    super(message);
    this.query = error.query;
    this.code = code;
    const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
    this.stack = [`${this.name}: ${message}`, ...frames].join('\n');
  }
}

/**
 * An error as it may be logged. Drizzle puts the parameters of a failed query into its message and stack, and
 * those can be what a person wrote; what is left is the statement, where it was run, and what Postgres said.
 */
export function loggableError(error: unknown): unknown {
  return error instanceof DrizzleQueryError ? new QueryFailed(error) : error;
}
