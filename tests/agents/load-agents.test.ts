import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { defineAgent } from 'outlast';
import { type AgentCatalog, loadAgents } from '../../src/agents/load-agents.ts';

const agent = defineAgent({ instructions: 'Be nice.' });
const root = fileURLToPath(new URL('../..', import.meta.url));

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'outlast-agents-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('loadAgents', () => {
  test('finds the agents of the folder, sorted, and leaves out what is none', async () => {
    const left = ['_shared.ts', 'a.test.ts', 'a.d.ts', 'notes.md', 'data.json', '.hidden.js'];
    await mkdir(join(dir, 'folder.ts'));
    const catalog = await load(
      Object.fromEntries(['b.ts', 'a.js', 'c-3.mjs', ...left].map((file) => [file, agent])),
    );
    expect(catalog.list().map(({ id }) => id)).toEqual(['a', 'b', 'c-3']);
    expect(catalog.get('b')).toEqual({ id: 'b', file: join(dir, 'b.ts'), agent, error: null });
    expect(catalog.get('_shared')).toBeUndefined();
    expect(catalog.warning).toBeNull();
  });

  test('a broken file says why in one line and does not stop the others', async () => {
    const catalog = await load({
      'good.ts': agent,
      'syntax.ts': new SyntaxError('Unexpected token\n  at line 3'),
      'throws.ts': new Error('no\nkey'),
      'odd.ts': 'a thrown text',
      'nothing.ts': undefined,
      'five.ts': { five: 5 },
      'Wrong_Name.ts': agent,
      'twice.js': agent,
      'twice.ts': agent,
    });
    expect(errors(catalog)).toEqual({
      Wrong_Name: `Wrong_Name.ts: the file name is the agent's id, and may have only a-z, 0-9 and "-" in it`,
      five: 'five.ts: the default export is not an agent; write export default defineAgent({ … })',
      good: null,
      nothing: 'nothing.ts: there is no default export; write export default defineAgent({ … })',
      odd: 'odd.ts: a thrown text',
      syntax: 'syntax.ts: SyntaxError: Unexpected token at line 3',
      throws: 'throws.ts: no key',
      twice: 'twice.js and twice.ts have the same id "twice": keep one of them',
    });
    expect(catalog.get('throws')?.agent).toBeNull();
  });

  test('an import that never ends is given up', async () => {
    await writeFile(join(dir, 'slow.ts'), '');
    const importModule = () => new Promise(() => {});
    const catalog = await loadAgents({ dir, importModule, importTimeoutMs: 20 });
    expect(errors(catalog).slow).toMatch(/^slow\.ts: its import did not end within 0\.02 s/);
  });

  test('a folder that is not there, or empty, is a warning', async () => {
    const missing = join(dir, 'missing');
    const catalog = await loadAgents({ dir: missing, importModule: async () => ({}) });
    expect(catalog.list()).toEqual([]);
    expect(catalog.warning).toBe(`There is no agents folder at ${missing}`);
    expect((await load({})).warning).toBe(`There are no agents in ${dir}`);
  });
});

const enumAgent = `import { defineAgent, defineTool } from 'outlast';
import { z } from 'zod';
import { greeting } from './_shared';
enum Mood { Good = 'good' }
const add = defineTool({
  description: 'Adds',
  inputSchema: z.object({ a: z.number() }),
  execute: ({ a }: { a: number }) => a,
});
export default defineAgent({ instructions: greeting + Mood.Good, tools: { add } });`;

describe('the real loader', () => {
  test.each(['module', 'commonjs', undefined])('reads TypeScript in a package of type %s', async (type) => {
    await writeFiles({
      'package.json': JSON.stringify({ name: 'somewhere', type }),
      'agents/_shared.ts': `export const greeting: string = 'so ';`,
      'agents/enums.ts': enumAgent,
      'agents/plain.js': `import { defineAgent } from 'outlast'; export default defineAgent({ instructions: 'js' });`,
      'agents/slip.ts': `import { defineAgent } from 'outlast'; export default defineAgent({ instruction: 'x' });`,
      'agents/syntax.ts': 'export default {',
    });
    await mkdir(join(dir, 'node_modules'));
    await symlink(root, join(dir, 'node_modules/outlast'));
    await symlink(join(root, 'node_modules/zod'), join(dir, 'node_modules/zod'));
    expect(await loadInOtherProcess(join(dir, 'agents'))).toEqual({
      enums: 'so good',
      plain: 'js',
      slip: 'slip.ts: defineAgent: unknown option "instruction"; did you mean "instructions"?',
      syntax: 'syntax.ts:1:16: Expected identifier but found end of file',
    });
  });

  test('reads the example agents', async () => {
    expect(await loadInOtherProcess(join(root, 'agents'))).toEqual({
      assistant: expect.stringMatching(/^You are a helpful assistant/),
      operator: expect.stringMatching(/^You handle the orders/),
    });
  });
});

/** Puts a file for each module into the folder and loads it; an error or a text is thrown by the import. */
async function load(modules: Record<string, unknown>): Promise<AgentCatalog> {
  await writeFiles(Object.fromEntries(Object.keys(modules).map((file) => [file, ''])));
  const importModule = async (url: string) => {
    const exported = modules[url.slice(url.lastIndexOf('/') + 1)];
    if (exported instanceof Error || typeof exported === 'string') throw exported;
    return { default: exported };
  };
  return loadAgents({ dir, importModule });
}

function errors(catalog: AgentCatalog): Record<string, string | null> {
  return Object.fromEntries(catalog.list().map(({ id, error }) => [id, error]));
}

async function writeFiles(files: Record<string, string>): Promise<void> {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, file)), { recursive: true });
    await writeFile(join(dir, file), text);
  }
}

/** Not in Jest, which has a module loader of its own: in a process like that of the server. */
async function loadInOtherProcess(agentsDir: string): Promise<unknown> {
  const source = (file: string) => JSON.stringify(pathToFileURL(resolve(root, 'src/agents', file)).href);
  const script = `
    import { registerAgentLoader } from ${source('import-agent.ts')};
    import { loadAgents } from ${source('load-agents.ts')};
    const catalog = await loadAgents({ dir: ${JSON.stringify(agentsDir)}, importModule: registerAgentLoader() });
    const entries = catalog.list().map(({ id, agent, error }) => [id, agent?.instructions ?? error]);
    console.log(JSON.stringify(Object.fromEntries(entries)));`;
  const typescript = process.features.typescript ? [] : ['--import=tsx'];
  const args = ['--conditions=outlast-source', ...typescript, '--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  return JSON.parse(stdout);
}
