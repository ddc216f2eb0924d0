import { withClient } from '../support/execution-record.ts';
import type { WireRow } from '../support/wire-rows.ts';

/** The log of an execution as the documented view has it. */
export function storedLines(databaseUrl: string, executionId: string): Promise<WireRow[]> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<WireRow>(
      'SELECT seq, chunk AS bytes FROM outlast.stream_chunk_lines WHERE execution_id = $1 ORDER BY seq',
      [executionId],
    );
    return rows;
  });
}
