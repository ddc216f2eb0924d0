import type { Logger } from 'pino';

/**
 * DBOS's log at one level lower: it warns of what is normal here, such as a segment that was handed over while it
 * ran, and greets at every start.
 */
export function dbosLogger(logger: Logger) {
  const child = logger.child({ component: 'dbos' });
  return {
    info: (message: unknown) => child.debug(textOf(message)),
    debug: (message: unknown) => child.trace(textOf(message)),
    warn: (message: unknown) => child.debug(textOf(message)),
    error: (message: unknown) => child.warn(textOf(message)),
  };
}

function textOf(message: unknown): string {
  if (message instanceof Error) return message.message;
  return typeof message === 'string' ? message : JSON.stringify(message);
}
