/** What of an error may be logged: what happened and where, never the content that it happened to. */
export interface LoggedError {
  type: string;
  message: string;
  code?: string | number;
  stack?: string;
  cause?: LoggedError;
}

const DEEPEST_CAUSE = 5;
/** Characters; there are messages that quote all that could not be read. */
const LONGEST = 4000;

/**
 * An error as it is logged. Errors of libraries carry content in their other fields, and some in their message:
 * Drizzle the parameters of a query, Postgres the failing row, the AI SDK the whole request. Only known fields are
 * taken, and of a failed query only the statement.
 */
export function serializeError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error))
    return { type: typeof error, message: 'Something was thrown that is not an error' };
  const { code } = error as { code?: unknown };
  const message = messageOf(error);
  return {
    type: error.name,
    message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: framesOf(error.stack) }),
    ...(error.cause === undefined || depth >= DEEPEST_CAUSE
      ? {}
      : { cause: serializeError(error.cause, depth + 1) }),
  };
}

function messageOf(error: Error): string {
  const { query } = error as { query?: unknown };
  return shortened(typeof query === 'string' ? `Failed query: ${query}` : error.message);
}

/** A stack begins with the message, which may hold what `message` leaves out. */
function framesOf(stack: string): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return shortened(frames.join('\n'));
}

function shortened(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text;
}
