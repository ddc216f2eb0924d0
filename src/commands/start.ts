import type { Config } from '../config/config.ts';
import { createLogger } from '../config/logger.ts';
import { type Server, startServer } from '../main.ts';
import { greeting } from './greeting.ts';

const ONE_WISH_MS = 500;

/** Runs the server until a signal ends it: the first drains, a second one exits at once. */
export async function start(config: Config): Promise<void> {
  const logger = createLogger(config);
  process.on('uncaughtException', (error) => {
    // Nothing is lost: what ran here is taken over like after any crash.
    logger.fatal({ err: error }, 'process.crashed');
    process.exit(1);
  });
  const server = await startServer(config, logger);
  process.stdout.write(greeting(server));
  stopOnSignal(server);
}

function stopOnSignal(server: Server): void {
  let firstAt: number | undefined;
  const onSignal = () => {
    // A terminal signals the whole group, and npm passes it on once more: that is one wish, not two.
    if (firstAt !== undefined && performance.now() - firstAt < ONE_WISH_MS) return;
    if (firstAt !== undefined) process.exit(1);
    firstAt = performance.now();
    process.stderr.write('Finishing or handing over what runs; once more to exit now.\n');
    server.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
