import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { findPostmaster, type Postmaster } from '../../src/embedded/postmaster.ts';

export function dataOf(folder: string): string {
  return join(folder, 'postgres', 'data');
}

/** The Postgres that runs on the folder; fails when there is none. */
export async function postmasterOf(folder: string): Promise<Postmaster> {
  const postmaster = await findPostmaster(dataOf(folder));
  if (!postmaster) throw new Error(`No Postgres runs on ${folder}`);
  return postmaster;
}

export async function isRunning(folder: string): Promise<boolean> {
  return (await findPostmaster(dataOf(folder))) !== null;
}

export async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

export function readPort(folder: string): Promise<number> {
  return readFile(join(folder, 'postgres.port'), 'utf8').then(Number);
}
