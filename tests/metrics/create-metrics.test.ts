import { expect, test } from '@jest/globals';
import { createMetrics } from '../../src/metrics/create-metrics.ts';
import { parseScrape } from './scrape.ts';

test('counts what the batches of the maintenance have done', async () => {
  const metrics = createMetrics();
  metrics.maintained({ logsPacked: 1, rowsBefore: 20, rowsAfter: 2 });
  metrics.maintained({ logsPacked: 2, rowsBefore: 30, rowsAfter: 3 });
  metrics.maintained({ logsExpired: 4 });
  metrics.maintained({ rowsRemoved: 5, logsRemoved: 1 });
  metrics.maintained({ segmentsRemoved: 6 });
  metrics.maintained({ keysRemoved: 7 });
  metrics.maintained({ notificationsRemoved: 8 });
  metrics.maintained({ auditEntriesRemoved: 9 });
  metrics.maintained({ tokensRemoved: 9 });
  metrics.maintained({ challengesRemoved: 10 });
  metrics.maintained({ firingsRemoved: 11 });
  const { samples } = parseScrape(await metrics.scrape());
  const counted = [...samples].filter(([name]) => name.startsWith('outlast_retention_'));
  expect(Object.fromEntries(counted)).toEqual({
    outlast_retention_packed_executions_total: 3,
    outlast_retention_packed_rows_total: 50,
    outlast_retention_expired_executions_total: 4,
    outlast_retention_removed_rows_total: 5,
    outlast_retention_removed_workflows_total: 6,
    outlast_retention_removed_keys_total: 7,
    outlast_retention_removed_notifications_total: 8,
    outlast_retention_removed_audit_entries_total: 9,
    outlast_retention_removed_tokens_total: 9,
    outlast_retention_removed_challenges_total: 10,
    outlast_retention_removed_firings_total: 11,
  });
});

test('what is observed is asked at the scrape, and is not there before it is observed', async () => {
  const metrics = createMetrics();
  const value = async () => parseScrape(await metrics.scrape()).samples.get('outlast_log_reader_lag_chunks');
  expect(await value()).toBeUndefined();
  let lag = 1;
  metrics.observeReaders({ readers: () => 1, greatestLag: () => lag });
  expect(await value()).toBe(1);
  lag = 2;
  expect(await value()).toBe(2);
});

test('metrics of two servers in one process do not meet', async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.executions.finished('failed');
  const failed = 'outlast_executions_finished_total{status="failed"}';
  expect(parseScrape(await one.scrape()).value(failed)).toBe(1);
  expect(parseScrape(await other.scrape()).value(failed)).toBe(0);
});
