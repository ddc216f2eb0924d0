import pg from 'pg';

/** How many rows each table of Outlast has, but those of workers and limits, which come and go by themselves. */
export async function countRows(databaseUrl: string): Promise<Record<string, number>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables
       WHERE table_schema = 'outlast' AND table_type = 'BASE TABLE' AND table_name NOT IN ('workers', 'migrations', 'rate_limits')`,
    );
    const counts: Record<string, number> = {};
    for (const { name } of tables) {
      const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM outlast."${name}"`);
      counts[name] = rows[0]?.n ?? -1;
    }
    return counts;
  } finally {
    await client.end();
  }
}
