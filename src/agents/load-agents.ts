import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type AgentDefinition, isAgent } from './define-agent.ts';

/** One agent file: the agent, or why there is none. */
export type AgentEntry =
  | { id: string; file: string; agent: AgentDefinition; error: null }
  | { id: string; file: string; agent: null; error: string };

export interface AgentCatalog {
  /** Sorted by id. */
  list(): AgentEntry[];
  get(id: string): AgentEntry | undefined;
  /** The only ones that there are for whoever asks; undefined: all. */
  readonly only?: readonly string[];
  /** What is odd about the folder as a whole. */
  readonly warning: string | null;
}

export interface LoadAgentsOptions {
  dir: string;
  /** Imports a module by its `file:` URL. */
  importModule: (fileUrl: string) => Promise<unknown>;
  /** How long a file may take, so that one `await` that never ends does not hold up the server. Default: 15000. */
  importTimeoutMs?: number;
  /** For what files throw: whoever may see agents reads it. */
  redact?: (text: string) => string;
}

/** Finds the agents in a folder. A broken file is an entry with an error and does not stop the others. */
export async function loadAgents(options: LoadAgentsOptions): Promise<AgentCatalog> {
  const dir = resolve(options.dir);
  const files = await agentFiles(dir);
  if (!files) return createCatalog([], `There is no agents folder at ${dir}`);
  const entries: AgentEntry[] = [];
  // One after the other: in a folder of CommonJS, Node refuses to require() what another import is still loading.
  for (const [id, same] of groupById(files)) entries.push(await loadEntry(id, same, dir, options));
  return createCatalog(entries, files.length > 0 ? null : `There are no agents in ${dir}`);
}

/** The ids of the agents in a folder, by its files alone: to import them may take what is not there. */
export async function findAgentIds(dir: string): Promise<string[]> {
  return [...groupById((await agentFiles(resolve(dir))) ?? []).keys()];
}

function createCatalog(entries: AgentEntry[], warning: string | null): AgentCatalog {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const sorted = [...entries].sort((a, b) => (a.id < b.id ? -1 : 1));
  return { list: () => [...sorted], get: (id) => byId.get(id), warning };
}

async function agentFiles(dir: string): Promise<string[] | null> {
  try {
    const names = (await readdir(dir)).filter(isAgentFileName).sort();
    const kinds = await Promise.all(names.map((name) => stat(join(dir, name)).catch(() => null)));
    // A link to nowhere stays in, so that its import says what is wrong with it.
    return names.filter((_, n) => kinds[n]?.isFile() ?? true);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}

function isAgentFileName(name: string): boolean {
  return /\.(ts|js|mjs)$/.test(name) && !/^[_.]|\.test\.|\.d\.ts$/.test(name);
}

function groupById(files: string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const id = basename(file, extname(file));
    groups.set(id, [...(groups.get(id) ?? []), file]);
  }
  return groups;
}

async function loadEntry(
  id: string,
  files: string[],
  dir: string,
  { importModule, importTimeoutMs = 15_000, redact = (text) => text }: LoadAgentsOptions,
): Promise<AgentEntry> {
  const [name = ''] = files;
  const file = join(dir, name);
  const broken = (error: string): AgentEntry => ({ id, file, agent: null, error });
  if (files.length > 1) return broken(`${files.join(' and ')} have the same id "${id}": keep one of them`);
  if (!/^[a-z0-9-]+$/.test(id)) {
    return broken(`${name}: the file name is the agent's id, and may have only a-z, 0-9 and "-" in it`);
  }
  try {
    const agent = defaultExport(await within(importTimeoutMs, importModule(pathToFileURL(file).href)));
    if (isAgent(agent)) return { id, file, agent, error: null };
    const found = agent === undefined ? 'there is no default export' : 'the default export is not an agent';
    return broken(`${name}: ${found}; write export default defineAgent({ … })`);
  } catch (error) {
    const text = redact(oneLine(error)).replaceAll(file, name);
    return broken(text.startsWith(`${name}:`) ? text : `${name}: ${text}`);
  }
}

/** A file that is taken for CommonJS has its exports, and so the default one, inside its default export. */
function defaultExport(module: unknown): unknown {
  const { default: exported } = (module ?? {}) as { default?: unknown };
  if (isAgent(exported) || typeof exported !== 'object' || exported === null) return exported;
  return '__esModule' in exported ? (exported as { default?: unknown }).default : exported;
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    const text = `its import did not end within ${ms / 1000} s; is there an await at the top that never ends?`;
    timer = setTimeout(() => reject(new Error(text)), ms);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** The message in one line; a compiler's own heading over it says nothing. */
function oneLine(error: unknown): string {
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
  const told = message.replace(/^Transform failed with \d+ errors?:/, '').replaceAll(': ERROR: ', ': ');
  const text = told.replace(/\s+/g, ' ').trim();
  return ['', 'Error', 'DefinitionError', 'TransformError'].includes(name) ? text : `${name}: ${text}`;
}
