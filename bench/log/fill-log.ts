import { type Database, runQuery } from '../../src/db/database.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';

const ROW_BYTES = 64 * 1024;

const FILL = `
INSERT INTO outlast.stream_chunks (execution_no, tenant_id, attempt, turn, seq, n, chunks)
SELECT $1, $2, 1, 1, g, 1, '{"type":"text-delta","id":"t0.' || g || '","delta":"' || repeat('x', ${ROW_BYTES}) || '"}'
FROM generate_series(1, $3::int) AS g`;

/** Gives a log this many rows of 64 KB: more than the buffers of any connection hold. */
export async function fillLog(db: Database, executionNo: number, rows: number): Promise<void> {
  await runQuery(db, { name: 'bench-fill', text: FILL, values: [executionNo, OPEN_SCOPE.tenantId, rows] });
}
