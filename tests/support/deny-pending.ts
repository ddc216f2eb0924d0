import { ask } from '../http/client.ts';
import { withClient } from './execution-record.ts';

/**
 * The person whom an execution asks what became of a call: they do not know either, so it ends without. To be called
 * until the execution ends; the server may be away.
 */
export async function denyPending(
  serverUrl: string,
  databaseUrl: string,
  executionId: string,
): Promise<void> {
  const pending = await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `SELECT tool_call_id AS id FROM outlast.approvals WHERE execution_id = $1 AND status = 'pending'`,
      [executionId],
    );
    return rows;
  });
  for (const { id } of pending) {
    const path = `/executions/${executionId}/approvals/${encodeURIComponent(id)}`;
    await ask(serverUrl, path, { body: { approved: false, reason: 'nobody knows' } }).catch(() => undefined);
  }
}
