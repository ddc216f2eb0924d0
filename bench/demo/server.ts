import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { stopUnusedPostgres } from '../../src/embedded/postgres.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY = /^outlast ready on (\S+)$/m;
const READY_WITHIN_MS = 30_000;

/** A server of the demo's own: a real process that can be killed, with its own folder and Postgres. */
export class DemoServer {
  readonly dataDir: string;
  #child: ChildProcess | undefined;
  #url: string | undefined;
  #log = '';

  private constructor(dataDir: string) {
    this.dataDir = dataDir;
  }

  static async create(): Promise<DemoServer> {
    const dataDir = await mkdtemp(join(tmpdir(), 'outlast-demo-'));
    // Root's Postgres runs as another user, who has to get in.
    await chmod(dataDir, 0o755);
    return new DemoServer(dataDir);
  }

  /** Stays the same over restarts. */
  get url(): string {
    return this.#url ?? '';
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** What the server has logged, over all its processes. */
  get log(): string {
    return this.#log;
  }

  /** Starts it, the second time on the same port. @returns the milliseconds until it was ready. */
  async start(): Promise<number> {
    const startedAt = performance.now();
    const child = spawn(process.execPath, ['--conditions=outlast-source', 'src/cli.ts', 'start'], {
      cwd: ROOT,
      env: this.#environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
    this.#url = await untilReady(child, () => this.#log);
    return performance.now() - startedAt;
  }

  /** SIGKILL: no handler runs, nothing is flushed or handed over. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Ends the server and its Postgres, and removes the folder. */
  async dispose(): Promise<void> {
    await this.kill();
    if (await stopUnusedPostgres(this.dataDir, pino({ level: 'silent' }))) {
      await rm(this.dataDir, { recursive: true, force: true, maxRetries: 10 });
    }
  }

  /** Nothing else reaches the server: with a provider key of yours it would call a real model. */
  #environment(): Record<string, string> {
    const { PATH = '', HOME = '' } = process.env;
    const port = this.#url === undefined ? '0' : new URL(this.#url).port;
    return { PATH, HOME, PORT: port, OUTLAST_DATA_DIR: this.dataDir, LOG_FORMAT: 'json' };
  }
}

async function untilReady(child: ChildProcess, log: () => string): Promise<string> {
  let out = '';
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`The server ${why}\n${out}\n${log()}`));
    const timer = setTimeout(() => fail('was not ready in time'), READY_WITHIN_MS);
    const onExit = (code: number | null, signal: string | null) => {
      clearTimeout(timer);
      fail(`ended before it was ready (${code ?? signal})`);
    };
    child.once('exit', onExit);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      const url = READY.exec(out)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      child.off('exit', onExit);
      resolve(url);
    });
  });
}
