import pg from 'pg';
import pino from 'pino';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { expireLogs } from '../../src/retention/expire-logs.ts';
import { packLogs } from '../../src/retention/pack-logs.ts';
import { removeExpiredLogs } from '../../src/retention/remove-expired-logs.ts';
import { addTo, type Batches, emptyTally, type Tally } from '../../src/retention/tally.ts';
import { createTestDatabase } from '../../tests/support/postgres.ts';
import type { BenchContext, Findings, Line, Scenario } from '../report/scenario.ts';
import { fillLog } from './fill-log.ts';
import { type Cost, costOf, readTable, type TableState } from './table-state.ts';

/** `OUTLAST_BENCH_CHUNKS=1000000` for a trial. */
const CHUNKS = Number(process.env['OUTLAST_BENCH_CHUNKS'] ?? 10_000_000);
const CHUNKS_EACH = 1000;
const MB = 1024 ** 2;

interface Worked extends Cost {
  readonly tally: Tally;
  /** Milliseconds of the longest transaction, from its begin to its commit. */
  readonly longest: number;
  /** Right after it, before anything is cleaned up. */
  readonly table: TableState;
  readonly vacuum: Cost;
}

/** What it takes to pack the logs of finished executions, and to remove them later. */
export const retention: Scenario = { name: 'retention', measure };

async function measure({ progress, defer }: BenchContext): Promise<Findings> {
  const database = await createTestDatabase();
  defer(() => database.drop());
  const logger = pino({ level: 'error' });
  const db = openDatabase({
    url: database.url,
    poolSize: 2,
    idleTransactionMs: 60_000,
    onError: () => undefined,
  });
  defer(() => db.close());
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  defer(() => client.end());
  await fillLog(client, CHUNKS / CHUNKS_EACH, CHUNKS_EACH, (filled) => progress(`${filled} chunks written`));
  await client.query('VACUUM (ANALYZE) outlast.stream_chunks, outlast.workflow_executions');
  const written = await readTable(client);
  progress('packing');
  const packing = await work(client, () => packLogs({ db, logger, packAfterMs: 60_000 }));
  const vacuumed = await readTable(client);
  progress('rewriting the table, to see what the packed rows take');
  await client.query('VACUUM (FULL, ANALYZE) outlast.stream_chunks');
  const packed = await readTable(client);
  progress('removing');
  const removal = await work(client, () => removeAll(db, logger));
  const removed = await readTable(client);
  return describe({ written, packing, vacuumed, packed, removal, removed });
}

async function* removeAll(db: Database, logger: pino.Logger): Batches {
  yield* expireLogs(db, 7);
  yield* removeExpiredLogs({ db, logger });
}

/** Does all batches without a rest, and then the VACUUM that they call for. */
async function work(client: pg.Client, begin: () => Batches): Promise<Worked> {
  const tally = emptyTally();
  let longest = 0;
  const cost = await costOf(client, async () => {
    let startedAt = performance.now();
    for await (const done of begin()) {
      longest = Math.max(longest, performance.now() - startedAt);
      addTo(tally, done);
      startedAt = performance.now();
    }
  });
  const table = await readTable(client);
  const vacuum = await costOf(client, () => client.query('VACUUM outlast.stream_chunks'));
  return { ...cost, tally, longest, table, vacuum };
}

interface Measured {
  written: TableState;
  packing: Worked;
  vacuumed: TableState;
  packed: TableState;
  removal: Worked;
  removed: TableState;
}

function describe({ written, packing, vacuumed, packed, removal, removed }: Measured): Findings {
  return {
    title: 'Packing and removing logs',
    how:
      `${CHUNKS.toLocaleString('en-US')} chunks of some 60 bytes, a row each, in ${CHUNKS / CHUNKS_EACH} logs; ` +
      'one worker without rests; then a plain VACUUM.',
    tables: [
      {
        caption: 'Room on disk',
        lines: [
          sizeLine('as written', written),
          sizeLine('packed, after VACUUM', vacuumed),
          sizeLine('packed, table rewritten', packed),
          sizeLine('removed, after VACUUM', removed),
        ],
      },
      { caption: 'Work', lines: [workLine('packing', packing), workLine('removal', removal)] },
      { caption: 'Cleaning up', lines: [cleanLine('packing', packing), cleanLine('removal', removal)] },
    ],
    goals: [
      {
        what: 'bytes of a packed chunk',
        actual: (packed.heap + packed.index) / CHUNKS,
        must: 'be at most',
        limit: 35,
        unit: 'bytes',
      },
      {
        what: 'longest packing transaction',
        actual: packing.longest,
        must: 'be at most',
        limit: 1000,
        unit: 'ms',
      },
      {
        what: 'longest removal transaction',
        actual: removal.longest,
        must: 'be at most',
        limit: 1000,
        unit: 'ms',
      },
    ],
  };
}

function sizeLine(name: string, { heap, index }: TableState): Line {
  const numbers = {
    'heap MB': heap / MB,
    'index MB': index / MB,
    'bytes a chunk': (heap + index) / CHUNKS,
  };
  return { name, numbers };
}

function workLine(name: string, { ms, walBytes, longest, tally }: Worked): Line {
  const numbers = {
    seconds: ms / 1000,
    'chunks/s': (CHUNKS / ms) * 1000,
    'WAL MB': walBytes / MB,
    'WAL bytes a chunk': walBytes / CHUNKS,
    'longest transaction': longest,
    'rows before': tally.rowsBefore + tally.rowsRemoved,
    'rows after': tally.rowsAfter,
  };
  return { name, numbers };
}

function cleanLine(name: string, { table, vacuum }: Worked): Line {
  const numbers = {
    'dead rows': table.deadRows,
    'autovacuums so far': table.autovacuums,
    'VACUUM s': vacuum.ms / 1000,
    'VACUUM WAL MB': vacuum.walBytes / MB,
  };
  return { name, numbers };
}
