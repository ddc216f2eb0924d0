/**
 * The least that can serve a log to readers in another process than its writer: one LISTEN connection, one query a
 * wake-up for all logs that grew, one write a reader. Its readers come before the first row. Prints its port.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { decodeHints } from '../../src/chunks/log-hints.ts';
import { BARE_CHANNEL } from '../writers/bare-writer.ts';

interface Followed {
  tail: number;
  readers: Set<ServerResponse>;
}

const NEWS = `
SELECT f.no, c.seq, c.chunks
FROM unnest($1::bigint[], $2::int[]) AS f(no, tail)
JOIN LATERAL (
  SELECT seq, chunks FROM outlast.stream_chunks WHERE execution_no = f.no AND seq > f.tail ORDER BY seq
) AS c ON true
ORDER BY f.no, c.seq`;

const connectionString = process.env['DATABASE_URL'];
const pool = new pg.Pool({ connectionString });
const listener = new pg.Client({ connectionString });
const followed = new Map<number, Followed>();
const grown = new Set<number>();
let isReading = false;

listener.on('notification', ({ payload = '' }) => {
  for (const { executionNo, lastSeq } of decodeHints(payload)) {
    if ((followed.get(executionNo)?.tail ?? Number.POSITIVE_INFINITY) < lastSeq) grown.add(executionNo);
  }
  if (!isReading) void read();
});

async function read(): Promise<void> {
  isReading = true;
  while (grown.size > 0) {
    const nos = [...grown];
    grown.clear();
    const tails = nos.map((no) => followed.get(no)?.tail ?? 0);
    const { rows } = await pool.query<{ no: string; seq: number; chunks: string }>({
      name: 'news',
      text: NEWS,
      values: [nos, tails],
    });
    const texts = new Map<string, string>();
    for (const { no, seq, chunks } of rows)
      texts.set(no, (texts.get(no) ?? '') + frame(Number(no), seq, chunks));
    for (const [no, text] of texts)
      for (const reader of followed.get(Number(no))?.readers ?? []) reader.write(text);
  }
  isReading = false;
}

function frame(no: number, seq: number, chunks: string): string {
  const lines = chunks.split('\n');
  const log = followed.get(no);
  if (log !== undefined) log.tail = seq + lines.length - 1;
  return lines.map((chunk, i) => `id: ${seq + i}\ndata: ${chunk}\n\n`).join('');
}

const server = createServer((request, response) => {
  const no = Number(request.url?.slice(1));
  const log = followed.get(no) ?? { tail: Number(request.headers['last-event-id'] ?? 0), readers: new Set() };
  followed.set(no, log);
  log.readers.add(response);
  response.on('close', () => {
    log.readers.delete(response);
    if (log.readers.size === 0) followed.delete(no);
  });
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
});

await listener.connect();
await listener.query(`LISTEN ${BARE_CHANNEL}`);
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
