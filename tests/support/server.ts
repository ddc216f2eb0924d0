import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { makeTestFolder, removeTestFolder } from './folders.ts';
import { createTestDatabase } from './postgres.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY = /^outlast ready on (\S+)$/m;
const READY_DEADLINE_MS = 30_000;

/** A real server: a process of its own on a database of its own. */
export interface TestServer {
  /** Stays the same over restarts. */
  readonly url: string;
  /** Empty for a server that brings its own Postgres. */
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly pid: number;
  /** What the process has written to stderr so far: its log, as JSON lines. */
  log(): string;
  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit code when the process is gone, for whatever reason; null after a signal. */
  exited(): Promise<number | null>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Starts the process again, on the same port, database and folder. */
  start(): Promise<void>;
  /** Ends the process and removes database and folder. */
  dispose(): Promise<void>;
}

export interface TestServerOptions {
  env?: Record<string, string>;
  /** A database that several servers share (the caller drops it); null: the server brings its own Postgres. */
  databaseUrl?: string | null;
  /** Options for Node itself, such as a module to load first. */
  nodeArgs?: string[];
  /** Another copy of this project to run. */
  cwd?: string;
}

/** Starts a server as `npm start` does, with its own database unless one is given. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const database = options.databaseUrl === undefined ? await createTestDatabase() : undefined;
  const databaseUrl = options.databaseUrl ?? database?.url ?? '';
  const dataDir = await makeTestFolder();
  const env = { ...options.env, DATABASE_URL: databaseUrl, OUTLAST_DATA_DIR: dataDir };
  let running = await launch(env, options);
  const { url } = running;
  const exited = async () => {
    const { child } = running;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode;
  };
  const end = (signal: NodeJS.Signals) => {
    running.child.kill(signal);
    return exited();
  };
  return {
    url,
    databaseUrl,
    dataDir,
    get pid() {
      return running.child.pid ?? 0;
    },
    log: () => running.log(),
    signal: (signal) => void running.child.kill(signal),
    exited,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    start: async () => {
      running = await launch({ ...env, PORT: new URL(url).port }, options);
    },
    dispose: async () => {
      await end('SIGKILL');
      await database?.drop();
      await removeTestFolder(dataDir);
    },
  };
}

interface Launched {
  child: ChildProcess;
  url: string;
  log(): string;
}

/** Only these reach the server: no provider key or setting of the developer's machine may. */
function bareEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };
}

async function launch(
  env: Record<string, string>,
  { nodeArgs = [], cwd = ROOT }: TestServerOptions,
): Promise<Launched> {
  const args = [...nodeArgs, '--conditions=outlast-source', 'src/cli.ts', 'start'];
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...bareEnvironment(), PORT: '0', LOG_FORMAT: 'json', LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`The server ${why}\n${out}\n${log}`));
    };
    const timer = setTimeout(() => fail('was not ready in time'), READY_DEADLINE_MS);
    child.once('exit', (code, signal) => fail(`ended before it was ready (${code ?? signal})`));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      const ready = READY.exec(out)?.[1];
      if (ready === undefined) return;
      clearTimeout(timer);
      resolve(ready);
    });
  });
  child.removeAllListeners('exit');
  return { child, url, log: () => log };
}
