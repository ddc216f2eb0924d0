import { cpus, release, totalmem, type } from 'node:os';
import pg from 'pg';
import { packageVersion } from '../../src/config/package.ts';

/** What the numbers were measured on: without it they mean nothing. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly postgres: string;
  readonly outlast: string;
  readonly ai: string;
  readonly dbos: string;
}

export async function describeMachine(databaseUrl: string): Promise<Machine> {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    kernel: `${type()} ${release()}`,
    node: process.versions.node,
    postgres: await postgresVersion(databaseUrl),
    outlast: packageVersion,
    ai: await versionOf('ai'),
    dbos: await versionOf('@dbos-inc/dbos-sdk'),
  };
}

async function postgresVersion(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client
    .query<{ server_version: string }>('SHOW server_version')
    .finally(() => client.end());
  return rows[0]?.server_version ?? 'unknown';
}

async function versionOf(name: string): Promise<string> {
  const url = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  const { default: manifest } = (await import(url.href, { with: { type: 'json' } })) as {
    default: { version: string };
  };
  return manifest.version;
}
