/**
 * Every code that a client can meet, with its HTTP status and title. Codes are stable: they are what clients
 * decide by. `docs/problems.md` has a section for each, and a test holds the two together.
 */
export const PROBLEM_CODES = {
  'malformed-json': { status: 400, title: 'The body is not JSON' },
  'bad-query': { status: 400, title: 'A query parameter is not valid' },
  'bad-header': { status: 400, title: 'A header is not valid' },
  'bad-cursor': { status: 400, title: 'The cursor is not valid' },
  'thread-id-mismatch': { status: 400, title: 'The body is about another thread' },
  'origin-not-allowed': { status: 403, title: 'This host or origin is not allowed' },
  'may-not-decide': { status: 403, title: 'Somebody else has to decide this' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'agent-not-found': { status: 404, title: 'There is no such agent' },
  'method-not-allowed': { status: 405, title: 'The method is not allowed here' },
  'already-decided': { status: 409, title: 'The approval is decided' },
  'approval-expired': { status: 409, title: 'The time to decide is over' },
  'execution-finished': { status: 409, title: 'The execution is finished' },
  'idempotency-in-flight': { status: 409, title: 'The first request with this key is still being answered' },
  'idempotency-key-reused': { status: 409, title: 'The key was used for another request' },
  'input-changed': { status: 409, title: 'The input is not the one that was looked at' },
  'message-id-reused': { status: 409, title: 'The message id is taken' },
  'message-not-editable': { status: 409, title: 'The message cannot be edited' },
  'notifications-off': { status: 409, title: 'Nobody sends notifications' },
  'not-last': { status: 409, title: 'Newer messages exist' },
  'not-retryable': { status: 409, title: 'The execution cannot be retried' },
  'thread-exists': { status: 409, title: 'You have such a thread already' },
  'thread-busy': { status: 409, title: 'The thread has an unfinished execution' },
  'turn-not-finished': { status: 409, title: 'The turn is not finished' },
  'log-expired': { status: 410, title: 'The log has been removed' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body must be JSON' },
  'agent-broken': { status: 422, title: 'The agent cannot run' },
  'agent-required': { status: 422, title: 'An agent has to be named' },
  'decision-not-applicable': { status: 422, title: 'This cannot be decided in this way' },
  'file-unavailable': { status: 422, title: 'A file of the message cannot be had' },
  'thread-id-required': { status: 422, title: 'The chat has to be named' },
  'validation-failed': { status: 422, title: 'The body is not valid' },
  internal: { status: 500, title: 'Something went wrong in the server' },
  draining: { status: 503, title: 'The server is shutting down' },
  unavailable: { status: 503, title: 'The server cannot answer right now' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEM_CODES;
