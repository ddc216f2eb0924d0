import { expect, test } from '@jest/globals';
import { withClient } from '../support/execution-record.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { FollowedExecution } from './recovery-run.ts';

test('three servers that boot at once on an empty database all come up and work', async () => {
  const { url: databaseUrl, drop } = await createTestDatabase({ empty: true });
  const booted = await Promise.allSettled([1, 2, 3].map(() => startServer({ databaseUrl })));
  const servers = booted.flatMap((each): TestServer[] => (each.status === 'fulfilled' ? [each.value] : []));
  try {
    expect(booted.filter(({ status }) => status === 'rejected')).toEqual([]);
    for (const server of servers) {
      const execution = new FollowedExecution(server);
      await execution.start('stream 5 5\ncall lookup_order {"orderId":"A-1"}');
      await execution.expectUnharmed(await execution.finished());
    }
    const workers = await withClient(databaseUrl, (client) => client.query('SELECT FROM outlast.workers'));
    expect(workers.rowCount).toBe(3);
  } finally {
    await Promise.all(servers.map((server) => server.dispose()));
    await drop();
  }
});
