import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';

interface Played {
  code: number | null;
  out: string;
  errors: string;
}

/** Runs what the script of package.json says, with this Node. */
export async function play(script: string): Promise<Played> {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
    scripts: Record<string, string>;
  };
  const [, ...args] = scripts[script]?.split(' ') ?? [];
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, args, { env: { PATH, HOME }, stdio: ['ignore', 'pipe', 'pipe'] });
  const played = { out: '', errors: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    played.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    played.errors += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...played };
}
