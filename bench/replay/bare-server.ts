/** The least that can replay a log: one SELECT, one write. Prints its port when it listens. */
import type { AddressInfo } from 'node:net';
import express from 'express';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });
const app = express();

app.get('/replay/:no', (request, response) => {
  response.set('content-type', 'text/event-stream');
  void readAll(request.params.no).then((text) => response.end(text));
});

async function readAll(executionNo: string): Promise<string> {
  const { rows } = await pool.query<{ seq: number; chunks: string }>({
    name: 'replay',
    text: 'SELECT seq, chunks FROM outlast.stream_chunks WHERE execution_no = $1 ORDER BY seq',
    values: [executionNo],
  });
  return `${rows.map(({ seq, chunks }) => `id: ${seq}\ndata: ${chunks}\n\n`).join('')}data: [DONE]\n\n`;
}

const server = app.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
