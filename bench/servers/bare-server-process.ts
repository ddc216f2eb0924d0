import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface BareServerProcess {
  readonly url: string;
  readonly pid: number;
  kill(): void;
}

/** Starts a file that listens and prints its port, as a process of its own like the server it is compared with. */
export async function startBareServer(
  file: string,
  env: Record<string, string> = {},
): Promise<BareServerProcess> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, ['--conditions=outlast-source', file], {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${file} ended before it listened`)));
  ended.catch(() => undefined);
  const [port] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer];
  return {
    url: `http://127.0.0.1:${port.toString().trim()}`,
    pid: child.pid ?? 0,
    kill: () => void child.kill('SIGKILL'),
  };
}
