import { describe, expect, test } from '@jest/globals';
import { definitionOf, METRICS } from '../../src/metrics/metrics-table.ts';
import { ask, run, start } from '../http/client.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { openPostgresProxy } from '../support/postgres-proxy.ts';
import { startServer } from '../support/server.ts';
import { StreamReader } from '../support/stream-reader.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Scrape, scrape } from './scrape.ts';

const NAMES = Object.keys(METRICS) as (keyof typeof METRICS)[];
const ENDLESS = 'stream 100000000 20';
/** Only where executions are run. */
const OF_WORKERS = NAMES.filter((name) => name.startsWith('outlast_worker_'));

function own(types: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(types).filter(([name]) => name.startsWith('outlast_')));
}

function typesOf(names: readonly (keyof typeof METRICS)[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, definitionOf(name).type]));
}

describe('a server that runs executions', () => {
  test('has every metric of the table from the start, and moves them with its work', async () => {
    const server = await startServer();
    const before = await scrape(server.url);
    expect(own(before.types)).toEqual(typesOf(NAMES));
    for (const [sample, value] of before.samples) {
      const isCount = /^outlast_.*(_total|_count|_sum)(\{|$)/.test(sample);
      if (isCount) expect([sample, value]).toEqual([sample, 0]);
    }
    expect(before.value('outlast_worker_free_slots')).toBe(100);
    expect(before.value('outlast_worker_lease_seconds')).toBeGreaterThan(0);
    expect(before.types).toMatchObject({
      nodejs_eventloop_lag_p99_seconds: 'gauge',
      process_cpu_seconds_total: 'counter',
    });

    const { id } = await run(server.url, { input: 'say hello' });
    const lines = (await ask(server.url, `/executions/${id}/chunks?limit=1000`)).json().data;
    await waitFor(async () => (await scrape(server.url)).value('outlast_worker_executions') === 0, {
      describe: 'the execution has left its worker',
    });
    const after = await scrape(server.url);
    expect(after.value('outlast_log_appended_chunks_total')).toBe(lines.length);
    expect(after.value('outlast_log_appended_rows_total')).toBeGreaterThan(1);
    expect(after.value('outlast_log_appended_bytes_total')).toBeGreaterThan(100);
    expect(after.value('outlast_log_batch_rows_count')).toBeGreaterThan(0);
    expect(after.value('outlast_log_commit_seconds_count')).toBeGreaterThan(0);
    expect(after.value('outlast_log_commit_seconds_sum')).toBeGreaterThan(0);
    expect(after.value('outlast_log_hints_sent_total')).toBeGreaterThan(0);
    expect(after.value('outlast_log_waiting_bytes')).toBe(0);
    expect(after.value('outlast_log_fence_refusals_total')).toBe(0);
    expect(after.value('outlast_executions_finished_total{status="completed"}')).toBe(1);
    expect(after.value('outlast_executions_finished_total{status="failed"}')).toBe(0);
    expect(after.value('outlast_attempts_ended_total{reason="completed"}')).toBe(1);
    expect(after.value('outlast_worker_free_slots')).toBe(100);
    await server.dispose();
  });

  test('shows its readers and what it holds while they are there', async () => {
    const server = await startServer();
    const { id } = await start(server.url, { input: ENDLESS });
    const reader = new StreamReader(server.url, id);
    await waitFor(() => reader.events.length > 0, { describe: 'an event' });
    const during = await scrape(server.url);
    expect(during.value('outlast_http_open_streams')).toBe(1);
    expect(during.value('outlast_log_readers')).toBe(1);
    expect(during.value('outlast_worker_executions')).toBe(1);
    expect(during.value('outlast_worker_free_slots')).toBe(99);
    const delivered = (at: Scrape) => at.value('outlast_log_delivery_seconds_count');
    await waitFor(async () => delivered(await scrape(server.url)) > 0, {
      describe: 'a delivery from memory',
    });
    expect((await scrape(server.url)).value('outlast_log_delivery_seconds_sum')).toBeGreaterThan(0);
    reader.close();
    await waitFor(async () => (await scrape(server.url)).value('outlast_log_readers') === 0, {
      describe: 'no reader',
    });
    expect((await scrape(server.url)).value('outlast_http_open_streams')).toBe(0);
    await server.dispose();
  });

  test('has no id and nothing that a user wrote in a label', async () => {
    const server = await startServer();
    const { id } = await run(server.url, { input: 'say secret', threadId: 'thread-secret' });
    const { text, headers } = await ask(server.url, '/metrics');
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(text).not.toContain(id);
    expect(text).not.toContain('secret');
    const labels = [...text.matchAll(/^(outlast_\w+)\{(\w+)="([^"]*)"/gm)].filter(
      ([, , key]) => key !== 'le',
    );
    expect(labels.length).toBeGreaterThan(0);
    for (const [, name = '', key, value = ''] of labels) {
      const { label } = definitionOf(name as keyof typeof METRICS);
      expect([name, label?.name, label?.values.includes(value)]).toEqual([name, key, true]);
    }
    await server.dispose();
  });
});

describe.each(['worker', 'api'])('a server with the role %s', (role) => {
  test('serves its metrics', async () => {
    const server = await startServer({ env: { OUTLAST_ROLE: role } });
    const names = role === 'worker' ? NAMES : NAMES.filter((name) => !OF_WORKERS.includes(name));
    expect(own((await scrape(server.url)).types)).toEqual(typesOf(names));
    await server.dispose();
  });
});

test('a worker that takes over what another has left counts the attempt that crashed', async () => {
  const database = await createTestDatabase();
  const first = await startServer({ databaseUrl: database.url });
  const { id } = await start(first.url, { input: ENDLESS });
  await waitFor(async () => (await scrape(first.url)).value('outlast_worker_executions') === 1, {
    describe: `execution ${id} to be held`,
  });
  await first.kill();
  const second = await startServer({ databaseUrl: database.url });
  const ended = (reason: string) => `outlast_attempts_ended_total{reason="${reason}"}`;
  await waitFor(async () => (await scrape(second.url)).value(ended('crashed')) === 1, {
    describe: 'the takeover',
  });
  await second.dispose();
  await first.dispose();
  await database.drop();
});

test('a scrape does not wait for a database that is away', async () => {
  const database = await createTestDatabase();
  const proxy = await openPostgresProxy(database.url);
  const server = await startServer({ databaseUrl: proxy.url });
  proxy.cut();
  await waitFor(async () => (await ask(server.url, '/readyz')).status === 503, { describe: 'not ready' });
  expect((await scrape(server.url)).types).toMatchObject({ outlast_log_readers: 'gauge' });
  await server.dispose();
  await proxy.close();
  await database.drop();
});
