import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { OPEN_SCOPE } from '../../src/db/scope.ts';

const EXECUTION = `
WITH thread AS (
  INSERT INTO outlast.threads (tenant_id, owner_id, id) VALUES ($2, $3, $1) RETURNING no
)
INSERT INTO outlast.workflow_executions
  (id, tenant_id, owner_id, thread_no, ordinal, message_id, input_message_id, agent_id, source, status, segment,
   attempt, input, last_seq, started_at, finished_at)
SELECT $1::uuid, $2, $3, no, 1, 'm2', 'm1', 'assistant', 'api', 'completed', 1, 1, $4, $5, now(), now()
FROM thread
RETURNING no`;

const ROWS = `
INSERT INTO outlast.stream_chunks (execution_no, tenant_id, attempt, turn, seq, n, chunks)
SELECT $1, $2, 1, 1, t.seq, 1, t.chunk FROM unnest($3::text[]) WITH ORDINALITY AS t(chunk, seq)`;

/** A completed execution whose log has this many rows of one chunk each: as a stream leaves it, not packed. */
export async function makeFinishedExecution(
  databaseUrl: string,
  rows: number,
): Promise<{ id: string; no: number }> {
  const id = randomUUID();
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { tenantId, ownerId } = OPEN_SCOPE;
    const input = JSON.stringify({ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'say hello' }] });
    const made = await client.query<{ no: string }>(EXECUTION, [id, tenantId, ownerId, input, rows]);
    const no = Number(made.rows[0]?.no);
    await client.query(ROWS, [no, tenantId, chunksOf(rows).map((chunk) => JSON.stringify(chunk))]);
    await client.query('VACUUM (ANALYZE) outlast.stream_chunks');
    return { id, no };
  } finally {
    await client.end();
  }
}

function chunksOf(rows: number): object[] {
  const deltas = rows - 6;
  return [
    { type: 'start', messageId: 'm2' },
    { type: 'start-step' },
    { type: 'text-start', id: 't1.0' },
    ...Array.from({ length: deltas }, (_, n) => ({ type: 'text-delta', id: 't1.0', delta: ` word${n}` })),
    { type: 'text-end', id: 't1.0' },
    { type: 'finish-step' },
    { type: 'finish', finishReason: 'stop' },
  ];
}
