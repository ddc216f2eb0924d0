import { DrizzleQueryError } from 'drizzle-orm';
import pg from 'pg';

/** SQLSTATE classes and codes after which the same statement may succeed: the connection or Postgres was at fault. */
const TRANSIENT_CODES = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '53300', // too_many_connections
  '55P03', // lock_not_available (our lock_timeout)
  '25P03', // idle_in_transaction_session_timeout
]);
const TRANSIENT_CLASSES = ['08', '57P'];
/** The connection could not be had, or ended while a statement was under way: whether that took effect is unknown. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** The SQLSTATE of an error, also where a library wrapped it; undefined for other errors. */
export function sqlState(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof pg.DatabaseError) return cause.code;
  }
  return undefined;
}

/** True when trying the same again can succeed: a lost connection, a restart, a deadlock, a busy lock. */
export function isTransient(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) {
    return TRANSIENT_CODES.has(state) || TRANSIENT_CLASSES.some((prefix) => state.startsWith(prefix));
  }
  return isConnectionFailure(error);
}

/** True when `error` says that a unique constraint refused a row. */
export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505';
}

/**
 * pg reports a broken connection as a plain Error without a code. So the type decides: what fails in a query
 * and was not said by Postgres came from the connection.
 */
function isConnectionFailure(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ConnectionLost || cause instanceof DrizzleQueryError) return true;
  }
  return false;
}
