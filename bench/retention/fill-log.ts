import type pg from 'pg';
import { OPEN_SCOPE } from '../../src/db/scope.ts';

/** Executions that stream at the same time: their rows lie mixed in the table, as they do in life. */
const SIDE_BY_SIDE = 100;

const EXECUTIONS = `
WITH made AS (
  INSERT INTO outlast.threads (tenant_id, owner_id, id)
  SELECT $1, $2, 'retention-' || g FROM generate_series(1, $3::int) AS g
  RETURNING no
)
INSERT INTO outlast.workflow_executions
  (id, tenant_id, owner_id, thread_no, ordinal, message_id, input_message_id, agent_id, source, status, segment,
   attempt, input, last_seq, finished_at)
SELECT gen_random_uuid(), $1, $2, no, 1, 'm2', 'm1', 'assistant', 'api', 'completed', 1, 1, '{}', $4,
       now() - interval '8 days'
FROM made RETURNING no`;

/** Deltas of some 60 bytes with a thousand different words, 20 ms apart, in rows of one chunk each. */
const ROWS = `
INSERT INTO outlast.stream_chunks (execution_no, tenant_id, attempt, turn, seq, n, chunks, created_at)
SELECT no, $1, 1, 1, seq, 1,
       '{"type":"text-delta","id":"t1.0","delta":" ' || (string_to_array($4, ' '))[1 + word % 32]
         || (string_to_array($5, ' '))[1 + word / 32 % 32] || '"}',
       timestamptz '2026-01-01' + seq * interval '20 ms' + word * interval '1 us'
FROM generate_series(1, $3::int) AS seq
CROSS JOIN LATERAL (
  SELECT no, (hashint8(no * 1000003 + seq) & 1023) AS word FROM unnest($2::bigint[]) AS no
) AS side_by_side`;

const BEGINNINGS =
  'ab acc adv agr ann app arr ass bel car cen com con cor def des det dis eff ess exp gen imp ind inf int man obs per pre pro res';
const ENDINGS =
  'able ace acity age ally ance ate ation ection ed edly ence ent er ered erence ery est ful ible ical ing ion ist ity ive ized less ment ness ous ure';

/** Finished executions whose logs are as streams leave them, not packed; they ended 8 days ago. */
export async function fillLog(
  client: pg.Client,
  executions: number,
  chunksEach: number,
  progress: (filled: number) => void,
): Promise<void> {
  const { tenantId, ownerId } = OPEN_SCOPE;
  const { rows } = await client.query<{ no: string }>(EXECUTIONS, [
    tenantId,
    ownerId,
    executions,
    chunksEach,
  ]);
  for (let from = 0; from < rows.length; from += SIDE_BY_SIDE) {
    const nos = rows.slice(from, from + SIDE_BY_SIDE).map(({ no }) => no);
    await client.query(ROWS, [tenantId, nos, chunksEach, BEGINNINGS, ENDINGS]);
    if (from % 1000 === 0) progress(from * chunksEach);
  }
}
