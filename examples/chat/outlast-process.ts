import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY = /^outlast ready on (\S+)$/m;

/** The server, as `npm start` runs it. Who kills it with SIGKILL gets it again, on the same port. */
export class OutlastProcess {
  readonly #defaultAgent: string;
  #child: ChildProcess | undefined;
  #url: string | undefined;
  #isStopping = false;

  constructor({ defaultAgent }: { defaultAgent: string }) {
    this.#defaultAgent = defaultAgent;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** @returns its URL, which stays the same @throws Error if it does not start */
  async start(): Promise<string> {
    const child = spawn(process.execPath, ['--conditions=outlast-source', 'src/cli.ts', 'start'], {
      cwd: ROOT,
      env: this.#environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    this.#url = await untilReady(child);
    child.once('exit', (_, signal) => {
      if (signal === 'SIGKILL' && !this.#isStopping) void this.#startAgain();
      else if (!this.#isStopping) process.exit(1);
    });
    return this.#url;
  }

  /** Resolves when it has handed over what it runs, and is gone. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await exited;
  }

  async #startAgain(): Promise<void> {
    await this.start();
    process.stdout.write(`The server was killed; it runs again, pid ${this.pid}\n`);
  }

  #environment(): NodeJS.ProcessEnv {
    const { env } = process;
    const port = this.#url === undefined ? (env['PORT'] ?? '0') : new URL(this.#url).port;
    return { ...env, PORT: port, OUTLAST_DEFAULT_AGENT: env['OUTLAST_DEFAULT_AGENT'] ?? this.#defaultAgent };
  }
}

function untilReady(child: ChildProcess): Promise<string> {
  let out = '';
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error(`The server ended before it was ready\n${out}`));
    child.once('exit', onExit);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      const url = READY.exec(out)?.[1];
      if (url === undefined) return;
      child.off('exit', onExit);
      resolve(url);
    });
  });
}
