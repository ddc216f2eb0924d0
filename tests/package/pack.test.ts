import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeTestFolder, removeTestFolder } from '../support/folders.ts';
import { waitFor } from '../support/wait-for.ts';

/* What a user gets: the package, installed into an empty folder with one agent file, without a build step. */

const run = promisify(execFile);
const INSTALL_DEADLINE_MS = 240_000;

const HELLO = `
import { defineAgent, defineTool } from 'outlast';
import { z } from 'zod';

enum Greeting { Hello = 'hello' }

export default defineAgent({
  instructions: 'Be kind.',
  tools: {
    greet: defineTool({
      description: 'Greets',
      inputSchema: z.object({ name: z.string() }),
      execute: async ({ name }) => ({ text: \`\${Greeting.Hello} \${name.toUpperCase()}\` }),
    }),
  },
});
`;
const WRONG = HELLO.replace('name.toUpperCase()', 'name.toFixed()');
const TSCONFIG = {
  compilerOptions: {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    target: 'es2022',
    skipLibCheck: true,
    types: [],
  },
  include: ['agents'],
};

let folder = '';

beforeAll(async () => {
  folder = await makeTestFolder();
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
    maxBuffer: 2 ** 26,
  });
  const tarball = /outlast-[\d.]+\.tgz/.exec(stdout)?.[0] ?? '';
  await mkdir(join(folder, 'agents'));
  await writeFile(join(folder, 'package.json'), '{"private": true}');
  await writeFile(join(folder, 'agents/hello.ts'), HELLO);
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(TSCONFIG));
  const packages = [`./${tarball}`, 'zod@4.6.7', 'ai@7.0.173'];
  await run('npm', ['install', '--prefer-offline', '--ignore-scripts', ...packages], { cwd: folder });
}, INSTALL_DEADLINE_MS);

afterAll(async () => removeTestFolder(folder));

describe('the published package', () => {
  test('exports what a user writes with, and nothing else', async () => {
    const script = "import('outlast').then((m) => console.log(Object.keys(m).sort().join()))";
    const { stdout } = await run(process.execPath, ['-e', script], { cwd: folder });
    expect(stdout.trim()).toBe('defineAgent,defineQuestion,defineTool');
    expect(await readdir(join(folder, 'node_modules'))).not.toContain('@scarf');
  });

  test('runs an agent file without a build step on the Node.js of this repository', async () => {
    await expect(answerOf(process.execPath)).resolves.toContain('hello BO');
  }, 60_000);

  const older = findNode20();
  // Loudly skipped: on a machine without a Node.js 20 nothing here can tell whether it works there.
  if (older === undefined) process.stderr.write('SKIPPED: no Node.js 20 on the PATH to try the package on\n');
  (older === undefined ? test.skip : test)(
    'runs on a Node.js 20 of the machine',
    async () => {
      await expect(answerOf(older ?? '')).resolves.toContain('hello BO');
    },
    60_000,
  );

  test('has types that check in strict mode, and that find a mistake', async () => {
    const tsc = join(process.cwd(), 'node_modules/.bin/tsc');
    await expect(run(tsc, ['-p', '.'], { cwd: folder })).resolves.toMatchObject({ stdout: '' });
    await writeFile(join(folder, 'agents/wrong.ts'), WRONG);
    await expect(run(tsc, ['-p', '.'], { cwd: folder })).rejects.toMatchObject({
      stdout: expect.stringContaining("Property 'toFixed' does not exist on type 'string'"),
    });
  }, 60_000);
});

/** Starts the installed server as `npx outlast start` does, and has its one agent call its tool. */
async function answerOf(node: string): Promise<string> {
  await chmod(folder, 0o755);
  const child = spawn(node, ['node_modules/.bin/outlast', 'start'], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    let out = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => (out += data.toString()));
    await waitFor(() => Promise.resolve(/ready on (\S+)/.test(out)), {
      deadlineMs: 30_000,
      describe: () => `the server to be ready: ${out}`,
    });
    const response = await fetch(`${/ready on (\S+)/.exec(out)?.[1]}/executions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ input: 'call greet {"name":"bo"}' }),
    });
    return await response.text();
  } finally {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }
}

function findNode20(): string | undefined {
  const candidates = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => !directory.includes('node_modules'))
    .map((directory) => join(directory, 'node'));
  return candidates.find((path) => existsSync(path) && versionOf(path).startsWith('v20.'));
}

function versionOf(node: string): string {
  try {
    return execFileSync(node, ['--version'], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
