import type { Logger } from 'pino';
import { isTransient } from '../db/errors.ts';

/** Milliseconds: what fails is tried twice a second until somebody has mended it. */
const QUIET_MS = 60_000;

/** Logs what fails. `automationId`: while that was worked on; absent: a whole pass. */
export type LogFailure = (error: unknown, automationId?: string) => void;

/**
 * Logs failures, once a minute for each automation and for whole passes. What a lock or the loss of a connection
 * stopped is not logged: the next pass finds it again.
 * @param now milliseconds of a clock that does not go back
 */
export function failureLogger(logger: Pick<Logger, 'error'>, now = () => performance.now()): LogFailure {
  // In the order of their times, so that what is past is in front.
  const loggedAt = new Map<string | undefined, number>();
  return (error, automationId) => {
    if (isTransient(error)) return;
    for (const [id, at] of loggedAt) {
      if (now() - at < QUIET_MS) break;
      loggedAt.delete(id);
    }
    if (loggedAt.has(automationId)) return;
    loggedAt.set(automationId, now());
    logger.error({ automationId, err: error }, 'automations.failed');
  };
}
