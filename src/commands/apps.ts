import { parseArgs } from 'node:util';
import { closest } from '../agents/did-you-mean.ts';
import { findAgentIds } from '../agents/load-agents.ts';
import { createApp, type NewApp } from '../apps/create-app.ts';
import { disableApp } from '../apps/disable-app.ts';
import { listApps } from '../apps/list-apps.ts';
import { parseAllowedOrigin } from '../apps/origins.ts';
import { isName, isTenantId } from '../auth/names.ts';
import type { Config } from '../config/config.ts';
import type { Executor } from '../db/database.ts';
import { CommandError } from './command-error.ts';
import { type Task, withDatabase } from './with-database.ts';

const USAGE = `outlast apps create --name NAME --origins ORIGIN,ORIGIN --agents AGENT,AGENT [--tenant TENANT]
                    [--session-ttl SECONDS] [--difficulty ITERATIONS]
outlast apps list
outlast apps disable ID`;

/** A day. */
const SESSION_TTL_S = 86_400;
const LONGEST_SESSION_S = 30 * 86_400;
/** About 0.4 s of one core of a laptop; a phone takes some times as long. */
const DIFFICULTY = 10_000;
/** A server spends 1/256 of the work on looking at a solution: 40 ms with this. */
const HARDEST = 200_000;

/** Makes, lists and disables apps, in the database that the server uses. */
export async function apps(config: Config, args: readonly string[]): Promise<void> {
  const task = parseTask(args, await findAgentIds(config.OUTLAST_AGENTS_DIR));
  await withDatabase(config, task);
}

/** @throws CommandError before anything is opened */
function parseTask([verb, ...rest]: readonly string[], agents: readonly string[]): Task {
  if (verb === 'create') return create(parseRequest(rest, agents));
  if (verb === 'list' && rest.length === 0) return list;
  const [id] = rest;
  if (verb === 'disable' && id !== undefined && rest.length === 1) return disable(id);
  throw new CommandError(USAGE);
}

function parseRequest(args: string[], agents: readonly string[]): NewApp {
  const options = readOptions(args);
  const { name, tenant = 'default' } = options;
  if (!isName(name)) throw new CommandError(`--name is needed: what the app is\n\n${USAGE}`);
  if (!isTenantId(tenant)) throw new CommandError('--tenant is not a name');
  return {
    name,
    tenantId: tenant,
    allowedOrigins: parseOrigins(options.origins),
    agentIds: parseAgents(options.agents, agents),
    sessionTtlSeconds: parseCount('--session-ttl', options['session-ttl'], SESSION_TTL_S, LONGEST_SESSION_S),
    difficulty: parseCount('--difficulty', options.difficulty, DIFFICULTY, HARDEST),
  };
}

function readOptions(args: string[]) {
  const text = { type: 'string' } as const;
  const options = {
    name: text,
    origins: text,
    agents: text,
    tenant: text,
    'session-ttl': text,
    difficulty: text,
  };
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new CommandError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

function parseOrigins(text: string | undefined): string[] {
  const origins = listOf(text);
  if (origins.length === 0) throw new CommandError(`--origins is needed: where its pages are\n\n${USAGE}`);
  try {
    return [...new Set(origins.map(parseAllowedOrigin))];
  } catch (error) {
    throw new CommandError(`--origins: ${(error as Error).message}`);
  }
}

/** @param known what the agents folder has; nothing where it is elsewhere, and then nothing is held to it */
function parseAgents(text: string | undefined, known: readonly string[]): string[] {
  const ids = listOf(text);
  if (ids.length === 0) throw new CommandError(`--agents is needed: who may answer there\n\n${USAGE}`);
  const bad = ids.find((id) => !/^[a-z0-9-]+$/.test(id));
  if (bad !== undefined) throw new CommandError(`--agents: ${bad} is not the id of an agent`);
  const missing = known.length === 0 ? undefined : ids.find((id) => !known.includes(id));
  if (missing === undefined) return [...new Set(ids)];
  const meant = closest(missing, known);
  throw new CommandError(
    `--agents: there is no agent ${missing}${meant === null ? '' : `; did you mean ${meant}?`}`,
  );
}

function parseCount(option: string, text: string | undefined, fallback: number, most: number): number {
  if (text === undefined) return fallback;
  const count = Number(text);
  if (/^\d{1,9}$/.test(text) && count >= 1 && count <= most) return count;
  throw new CommandError(`${option} is a whole number from 1 to ${most}`);
}

function listOf(text = ''): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function create(request: NewApp): Task {
  return async (db) => {
    process.stdout.write(`${await createApp(db, request)}\n`);
    const { allowedOrigins, agentIds } = request;
    process.stderr.write(
      `Pages of ${allowedOrigins.join(', ')} may now ask for sessions: ${agentIds.join(', ')}\n`,
    );
  };
}

async function list(db: Executor): Promise<void> {
  for (const row of await listApps(db)) {
    const fields = {
      id: row.id,
      name: row.name,
      tenant: row.tenantId,
      origins: row.allowedOrigins,
      agents: row.agentIds,
      sessionTtlSeconds: row.sessionTtlSeconds,
      difficulty: row.difficulty,
      createdAt: row.createdAt,
      disabledAt: row.disabledAt,
    };
    process.stdout.write(`${JSON.stringify(fields)}\n`);
  }
}

function disable(id: string): Task {
  return async (db) => {
    if (!(await disableApp(db, id))) throw new CommandError(`There is no app ${id}`);
    process.stderr.write('Disabled: its sessions end, in 5 seconds everywhere.\n');
  };
}
