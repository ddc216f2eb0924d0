import { parseArgs } from 'node:util';
import { ACCESS, type Access, isAccess } from '../auth/access.ts';
import { createApiKey, type NewApiKey } from '../auth/create-api-key.ts';
import { listApiKeys } from '../auth/list-api-keys.ts';
import { isName, isTenantId, isUserId } from '../auth/names.ts';
import { revokeApiKey } from '../auth/revoke-api-key.ts';
import type { Config } from '../config/config.ts';
import type { Executor } from '../db/database.ts';
import { CommandError } from './command-error.ts';
import { type Task, withDatabase } from './with-database.ts';

const USAGE = `outlast keys create --name NAME --scopes SCOPE,SCOPE [--tenant TENANT] [--owner USER] [--expires 90d|TIME]
outlast keys list
outlast keys revoke ID|PREFIX

scopes: ${ACCESS.join(' ')}`;

const DAY_MS = 86_400_000;
const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: DAY_MS };

/** Makes, lists and revokes API keys, in the database that the server uses. */
export async function keys(config: Config, args: readonly string[]): Promise<void> {
  const task = parseTask(args);
  await withDatabase(config, task);
}

/** @throws CommandError before anything is opened */
function parseTask([verb, ...rest]: readonly string[]): Task {
  if (verb === 'create') return create(parseRequest(rest));
  if (verb === 'list' && rest.length === 0) return list;
  const [id] = rest;
  if (verb === 'revoke' && id !== undefined && rest.length === 1) return revoke(id);
  throw new CommandError(USAGE);
}

function parseRequest(args: string[]): NewApiKey {
  const { name, scopes = '', tenant = 'default', owner, expires } = readOptions(args);
  if (!isName(name)) throw new CommandError(`--name is needed: what the key is for\n\n${USAGE}`);
  if (!isTenantId(tenant)) throw new CommandError('--tenant is not a name');
  if (owner !== undefined && !isUserId(owner)) throw new CommandError('--owner is not the id of a user');
  return {
    name,
    scopes: parseScopes(scopes),
    tenantId: tenant,
    ownerId: owner ?? null,
    expiresAt: expires === undefined ? null : parseExpiry(expires),
  };
}

function readOptions(args: string[]) {
  const text = { type: 'string' } as const;
  const options = { name: text, scopes: text, tenant: text, owner: text, expires: text };
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new CommandError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

function parseScopes(text: string): Access[] {
  const scopes = text.split(',').map((scope) => scope.trim());
  const unknown = scopes.find((scope) => !isAccess(scope));
  if (unknown === undefined) return scopes.filter(isAccess);
  throw new CommandError(
    `${unknown === '' ? '--scopes is needed' : `there is no scope ${unknown}`}\n\n${USAGE}`,
  );
}

function parseExpiry(text: string): Date {
  const [, count, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const at = count === undefined ? new Date(text) : new Date(Date.now() + Number(count) * (UNITS[unit] ?? 0));
  if (at.getTime() > Date.now()) return at;
  throw new CommandError('--expires is a time to come, such as 90d or 2030-01-31T00:00:00Z');
}

function create(request: NewApiKey): Task {
  return async (db) => {
    const { id, key } = await createApiKey(db, request);
    process.stderr.write(`Key ${id}; it is shown this once:\n`);
    process.stdout.write(`${key}\n`);
    process.stderr.write('Servers ask for keys when they are started with OUTLAST_AUTH=keys.\n');
  };
}

async function list(db: Executor): Promise<void> {
  for (const row of await listApiKeys(db)) {
    const fields = {
      id: row.id,
      prefix: row.prefix,
      name: row.name,
      tenant: row.tenantId,
      owner: row.ownerId,
      scopes: row.scopes,
      createdAt: row.createdAt,
      expiresAt: row.expiresAt,
      revokedAt: row.revokedAt,
      lastUsedAt: row.lastUsedAt,
    };
    process.stdout.write(`${JSON.stringify(fields)}\n`);
  }
}

function revoke(idOrPrefix: string): Task {
  return async (db) => {
    if (!(await revokeApiKey(db, idOrPrefix))) throw new CommandError(`There is no key ${idOrPrefix}`);
    process.stderr.write('Revoked: refused from now on, in 5 seconds everywhere.\n');
  };
}
