import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeTestFolder, removeTestFolder } from '../support/folders.ts';

/* What a user of the client gets: the packed package, beside the ones that it names. */

const run = promisify(execFile);
const root = process.cwd();
const TSCONFIG = {
  compilerOptions: {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'dom'],
    jsx: 'react-jsx',
    skipLibCheck: true,
    types: [],
  },
};

let folder = '';

beforeAll(async () => {
  folder = await makeTestFolder();
  await run(process.execPath, ['scripts/build-client.ts']);
  await run('npm', ['pack', './packages/client', '--pack-destination', folder]);
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, '@outlast/client'), { recursive: true });
  const into = join(modules, '@outlast/client');
  await run('tar', ['-xzf', join(folder, 'outlast-client-0.1.0.tgz'), '--strip-components=1', '-C', into]);
  const { dependencies, peerDependencies } = JSON.parse(await readFile(join(into, 'package.json'), 'utf8'));
  // No more than what it says it needs, and what that needs.
  for (const name of [
    ...Object.keys({ ...dependencies, ...peerDependencies }),
    '@types',
    '@ai-sdk',
    '@standard-schema',
  ]) {
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  await writeFile(join(folder, 'package.json'), '{"private": true, "type": "module"}');
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(TSCONFIG));
}, 120_000);

afterAll(async () => removeTestFolder(folder));

describe('the packed client', () => {
  test('has what its README says, in both entries', async () => {
    const script = `
      const client = await import('@outlast/client');
      const react = await import('@outlast/client/react');
      console.log(Object.keys(client).sort().join(), Object.keys(react).sort().join());`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: folder });
    expect(stdout.trim()).toBe(
      'OutlastChatTransport,OutlastProblem,createOutlastClient,openSession useThread',
    );
  });

  test('brings types with which the examples of its README check', async () => {
    const readme = await readFile(join(root, 'packages/client/README.md'), 'utf8');
    const examples = [...readme.matchAll(/```(ts|tsx)\n([\s\S]*?)```/g)];
    expect(examples.length).toBeGreaterThan(2);
    for (const [index, [, extension, code]] of examples.entries()) {
      await writeFile(join(folder, `example-${index}.${extension}`), code ?? '');
    }
    const tsc = join(root, 'node_modules/.bin/tsc');
    await expect(run(tsc, ['-p', '.'], { cwd: folder })).resolves.toMatchObject({ stdout: '' });
  }, 60_000);
});
