import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';

const DEADLINE_MS = 120_000;

interface Played {
  code: number | null;
  out: string;
  errors: string;
}

/** Runs what the script of package.json says, with this Node. */
async function play(script: string): Promise<Played> {
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

test(
  'the demo of an approval ends by itself, and everything in it is as promised',
  async () => {
    const { code, out, errors } = await play('demo:approval');
    if (code !== 0) throw new Error(`It ended with ${code}\n${out}\n${errors}`);
    expect(out).toContain('✗ kill -9 ');
    expect(out).toMatch(/"decision":"approve","input":\{"orderId":"42","amount":49\.9\}/);
    expect(out).toMatch(/✓ the tool took effect once, .*"input":\{"orderId":"42","amount":49\.9\}/);
    expect(out).toMatch(/✓ the timeline says who edited: local/);
  },
  DEADLINE_MS,
);
