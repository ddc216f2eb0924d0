import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { createLogger } from '../config/logger.ts';
import { openEmbeddedPostgres } from '../embedded/postgres.ts';

/** Editors write a file in several steps; one restart is enough for all of them. */
const SETTLE_MS = 150;

/**
 * Runs the server and starts it again when something in the agents folder changes. Executions that were running go
 * on in the new process: the restart is one of the crashes that they outlast.
 */
export async function dev(config: Config): Promise<void> {
  const logger = createLogger(config);
  // Held here, so that a restart of the server does not restart Postgres too.
  const embedded =
    config.DATABASE_URL === undefined
      ? await openEmbeddedPostgres({ dataDir: config.OUTLAST_DATA_DIR, log: logger })
      : undefined;
  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end.abort());
  const changes = new Changes(config.OUTLAST_AGENTS_DIR);
  while (!end.signal.aborted) {
    const server = runServer();
    const exited = once(server, 'exit');
    await Promise.race([changes.next(end.signal), once(end.signal, 'abort').catch(() => undefined)]);
    await delay(SETTLE_MS);
    changes.forget();
    server.kill('SIGTERM');
    await exited;
  }
  changes.close();
  await embedded?.release();
}

function runServer(): ChildProcess {
  const entry = process.argv[1] as string;
  // Its turns need not be waited for: the next process goes on with them.
  const env = { ...process.env, SHUTDOWN_GRACE_MS: '0' };
  return spawn(process.execPath, [...process.execArgv, entry, 'start'], { stdio: 'inherit', env });
}

/** Changes of files below a folder. */
class Changes {
  readonly #watcher: ReturnType<typeof watch>;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(folder: string) {
    this.#watcher = watch(folder, { recursive: true }, () => {
      this.#changed = true;
      this.#wake?.();
    });
  }

  async next(signal: AbortSignal): Promise<void> {
    if (this.#changed || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  forget(): void {
    this.#changed = false;
  }

  close(): void {
    this.#watcher.close();
  }
}
