import { join } from 'node:path';
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { findPostmaster } from '../../src/embedded/postmaster.ts';
import { isAlive } from '../../src/embedded/processes.ts';
import { makeTestFolder, removeTestFolder } from '../support/folders.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

/** A Postgres of one test's own, which it may stop and kill. */
export class PrivatePostgres {
  readonly url: string;
  readonly #folder: string;
  #holder: EmbeddedPostgres;

  private constructor(folder: string, holder: EmbeddedPostgres) {
    this.#folder = folder;
    this.#holder = holder;
    this.url = holder.url;
  }

  static async start(): Promise<PrivatePostgres> {
    const folder = await makeTestFolder();
    return new PrivatePostgres(folder, await openEmbeddedPostgres({ dataDir: folder, log: silentLog }));
  }

  /** SIGINT: cuts all sessions and shuts down. SIGQUIT: ends without that, and has to recover at its next start. */
  async stop(signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
    await endPostmaster(this.#folder, signal);
  }

  /** Starts it again, at the same address. */
  async start(): Promise<void> {
    this.#holder = await openEmbeddedPostgres({ dataDir: this.#folder, log: silentLog });
  }

  async dispose(): Promise<void> {
    await this.#holder.release();
    await removeTestFolder(this.#folder);
  }
}

/** Signals the main process of the Postgres in a data folder, and waits for its end. */
export async function endPostmaster(dataDir: string, signal: NodeJS.Signals): Promise<void> {
  const postmaster = await findPostmaster(join(dataDir, 'postgres', 'data'));
  if (postmaster === null) throw new Error(`No Postgres runs in ${dataDir}`);
  process.kill(postmaster.pid, signal);
  await waitFor(async () => !(await isAlive(postmaster)), { describe: 'the end of Postgres' });
}
