import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Identity, identityOf, OTHER_HOST, onlyChild } from './host.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY_WITHIN_MS = 30_000;
/** A supervisor does not start a process that fails at once again and again without a pause. */
const RESTART_PAUSE_MS = 200;
const LAST_WORDS = 4000;
const COMPILE_CACHE = join(tmpdir(), 'outlast-chaos-compile-cache');

export interface ServerOptions {
  name: string;
  port: number;
  /** Its own; effects and log are kept in it over restarts. */
  dataDir: string;
  databaseUrl: string;
  env: Record<string, string>;
  /** In a pid namespace of its own, as on another host. */
  isIsolated: boolean;
  /** How far its clock is off. */
  skewMs: number;
}

/** `up` from the moment it says that it is ready; `leaving` once it was told to end or is frozen. */
export type ServerState = 'down' | 'starting' | 'up' | 'leaving';

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** One server of the cluster: a place with a port, in which one process runs after the other. */
export class ServerProcess {
  readonly options: ServerOptions;
  state: ServerState = 'down';
  /** Processes started here so far. */
  starts = 0;
  #child: ChildProcess | undefined;
  #exit: Promise<Exit> | undefined;
  #identity: Identity | undefined;

  constructor(options: ServerOptions) {
    this.options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${this.options.port}`;
  }

  get logFile(): string {
    return join(this.options.dataDir, 'server.log');
  }

  /** Who it is in the table of workers, while it is up or leaving. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** Starts a process and waits until it is ready. @returns false when it ended before that. */
  async start(): Promise<boolean> {
    this.state = 'starting';
    this.starts += 1;
    const child = this.#spawn();
    this.#child = child;
    this.#exit = once(child, 'exit').then(([code, signal]): Exit => ({ code, signal }));
    const isReady = await Promise.race([untilReady(child), this.#exit.then(() => false)]);
    if (!isReady) {
      child.kill('SIGKILL');
      await this.#exit;
      this.state = 'down';
      return false;
    }
    const pid = this.options.isIsolated ? await onlyChild(child.pid ?? 0) : child.pid;
    this.#identity = await identityOf(pid ?? 0);
    this.state = 'up';
    return true;
  }

  /** Starts it as often as it takes, as a supervisor does. @returns false when `signal` ended that. */
  async startUntilUp(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (await this.start()) return true;
      await delay(RESTART_PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
    return false;
  }

  /** Sends a signal to the server itself, never to what wraps it. */
  signal(signal: NodeJS.Signals): void {
    if (this.#identity === undefined) throw new Error(`${this.options.name} does not run`);
    process.kill(this.#identity.pid, signal);
  }

  /** Resolves when the process that runs now is gone. */
  async exited(): Promise<Exit> {
    const exit = (await this.#exit) ?? { code: null, signal: null };
    this.state = 'down';
    return exit;
  }

  /** The end of what it has logged. */
  async lastWords(): Promise<string> {
    return (await readFile(this.logFile, 'utf8')).slice(-LAST_WORDS);
  }

  /** Ends it for good. */
  async dispose(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const pid = this.options.isIsolated ? await onlyChild(child.pid ?? 0) : child.pid;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    else child.kill('SIGKILL');
    await this.exited();
  }

  #spawn(): ChildProcess {
    const { isIsolated, skewMs, dataDir } = this.options;
    const clock = skewMs === 0 ? [] : ['--import', `./chaos/cluster/skewed-clock.ts?ms=${skewMs}`];
    const command = [process.execPath, ...clock, '--conditions=outlast-source', 'src/cli.ts', 'start'];
    const [program, ...args] = isIsolated ? [...OTHER_HOST, ...command] : command;
    const log = openSync(join(dataDir, 'server.log'), 'a');
    try {
      return spawn(program as string, args, {
        cwd: ROOT,
        env: this.#environment(),
        stdio: ['ignore', 'pipe', log],
      });
    } finally {
      closeSync(log);
    }
  }

  /** Nothing else reaches the server: with a provider key of yours it would call a real model. */
  #environment(): Record<string, string> {
    const { PATH = '', HOME = '' } = process.env;
    const { port, dataDir, databaseUrl, env } = this.options;
    return {
      PATH,
      HOME,
      PORT: String(port),
      OUTLAST_DATA_DIR: dataDir,
      DATABASE_URL: databaseUrl,
      LOG_FORMAT: 'json',
      // A quarter of the start goes into reading the code: kept, so that more faults fit into a minute.
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...env,
    };
  }
}

function untilReady(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), READY_WITHIN_MS);
    let out = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (!/^outlast ready on /m.test(out)) return;
      clearTimeout(timer);
      resolve(true);
    });
    child.once('exit', () => clearTimeout(timer));
  });
}
