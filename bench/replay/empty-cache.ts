import pg from 'pg';

/** Makes Postgres forget every page that it holds; the system's own cache of files still has them. */
export async function emptyCache(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('CREATE EXTENSION IF NOT EXISTS pg_buffercache');
    await client.query('CHECKPOINT');
    await client.query('SELECT pg_buffercache_evict_all()');
  } finally {
    await client.end();
  }
}
