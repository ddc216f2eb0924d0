import { randomUUID } from 'node:crypto';
import { type Database, runQuery } from '../../src/db/database.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';

export interface RunningExecution {
  readonly id: string;
  readonly no: number;
}

const INSERT = `
WITH made AS (
  INSERT INTO outlast.threads (tenant_id, owner_id, id) SELECT $3, $4, $2 || g FROM generate_series(1, $1::int) AS g
  RETURNING no
)
INSERT INTO outlast.workflow_executions
  (id, tenant_id, owner_id, thread_no, ordinal, message_id, input_message_id, agent_id, source, status, segment,
   attempt, worker_id, input)
SELECT gen_random_uuid(), $3, $4, no, 1, 'm2', 'm1', 'assistant', 'api', 'running', 1, 1, 'bench', '{}'
FROM made
RETURNING id, no`;

/** Executions that run, each in a thread of its own, with an empty log, open to whoever asks the server. */
export async function makeExecutions(db: Database, count: number): Promise<RunningExecution[]> {
  const values = [count, randomUUID(), OPEN_SCOPE.tenantId, OPEN_SCOPE.ownerId];
  const rows = await runQuery<{ id: string; no: string }>(db, {
    name: 'bench-executions',
    text: INSERT,
    values,
  });
  return rows.map(({ id, no }) => ({ id, no: Number(no) }));
}
