import type { ClusterDatabase } from '../cluster/database.ts';
import type { Identity } from '../cluster/host.ts';

/** An execution that a process runs right now. */
export interface RunningExecution {
  executionId: string;
  attempt: number;
  /** A turn is being streamed, or a tool is called: not between two steps. */
  isOpen: boolean;
  /** How often its worker died since it last finished a turn or a tool call. */
  deaths: number;
  pid: number;
  pidNamespace: string;
  processStart: string;
}

const RUNNING = `
SELECT e.id AS "executionId", e.attempt, w.pid, w.pid_namespace AS "pidNamespace", w.process_start AS "processStart",
  EXISTS (SELECT 1 FROM outlast.tool_calls c WHERE c.execution_id = e.id AND c.status = 'running')
  OR coalesce((SELECT turn FROM outlast.stream_chunks s WHERE s.execution_no = e.no ORDER BY seq DESC LIMIT 1), 0)
     > (SELECT count(*) FROM outlast.execution_turns t WHERE t.execution_id = e.id AND t.ended_at IS NOT NULL)
  AS "isOpen",
  (SELECT count(*)::int FROM outlast.execution_attempts a
   WHERE a.execution_id = e.id AND a.end_reason IN ('crashed', 'lease-lost')
     AND a.ended_at > greatest(
       (SELECT max(ended_at) FROM outlast.execution_turns t WHERE t.execution_id = e.id),
       (SELECT max(ended_at) FROM outlast.tool_calls c WHERE c.execution_id = e.id), '-infinity')) AS deaths
FROM outlast.workflow_executions e JOIN outlast.workers w ON w.worker_id = e.worker_id
WHERE e.status = 'running'`;

/** What runs, and in which process. */
export function findRunning(database: ClusterDatabase): Promise<RunningExecution[]> {
  return database.ask<RunningExecution>(RUNNING);
}

/** What of it runs in this process: a pid may be another one's in another namespace, a start that of a neighbour. */
export function runningIn(
  running: readonly RunningExecution[],
  identity: Identity | undefined,
): RunningExecution[] {
  return running.filter(
    ({ pid, pidNamespace, processStart }) =>
      pid === identity?.innerPid &&
      pidNamespace === identity.pidNamespace &&
      processStart === identity.processStart,
  );
}
