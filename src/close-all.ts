import type { Logger } from 'pino';

/** Everything that has to be ended, in the order in which it was begun. */
export type Closers = (() => Promise<void>)[];

/** Ends all of it, the newest first; what cannot be ended keeps nothing else from it. */
export async function closeAll(closers: Closers, logger: Logger): Promise<void> {
  for (const close of closers.splice(0).reverse()) {
    await close().catch((error: unknown) => logger.error({ err: error }, 'server.close-failed'));
  }
}
