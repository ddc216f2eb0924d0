import { randomUUID } from 'node:crypto';
import { type Database, runQuery } from '../../src/db/database.ts';

export interface RunningExecution {
  readonly id: string;
  readonly no: number;
}

const INSERT = `
WITH made AS (
  INSERT INTO outlast.threads (tenant_id, owner_id, id)
  SELECT 'bench', 'bench', $2 || g FROM generate_series(1, $1::int) AS g
  RETURNING no
)
INSERT INTO outlast.workflow_executions
  (id, tenant_id, owner_id, thread_no, ordinal, message_id, input_message_id, agent_id, source, status, segment,
   attempt, worker_id, input)
SELECT gen_random_uuid(), 'bench', 'bench', no, 1, 'm2', 'm1', 'assistant', 'api', 'running', 1, 1, 'bench', '{}'
FROM made
RETURNING id, no`;

/** Executions that run, each in a thread of its own, with an empty log. */
export async function makeExecutions(db: Database, count: number): Promise<RunningExecution[]> {
  const query = { name: 'bench-executions', text: INSERT, values: [count, randomUUID()] };
  const rows = await runQuery<{ id: string; no: string }>(db, query);
  return rows.map(({ id, no }) => ({ id, no: Number(no) }));
}
