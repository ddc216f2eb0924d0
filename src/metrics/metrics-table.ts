import { FIRING_STATUSES } from '../automations/firing-status.ts';
import { END_REASONS } from '../executions/hand-over.ts';
import { EXECUTION_STATUSES, isFinalStatus } from '../executions/status.ts';
import { LIMITED } from '../limits/limited.ts';

interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** The values are few and known beforehand: each is there from the start, as 0. Never an id, never what users chose. */
  readonly label?: { readonly name: string; readonly values: readonly string[] };
  readonly buckets?: readonly number[];
}

const COMMIT_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const DELIVERY_BUCKETS = [0.0001, 0.00025, ...COMMIT_BUCKETS, 10];

/** Every metric of this server, in base units. docs/metrics.md says what they tell; a test holds the two together. */
export const METRICS = {
  outlast_log_appended_rows_total: {
    type: 'counter',
    help: 'Rows that this process committed to logs',
  },
  outlast_log_appended_chunks_total: {
    type: 'counter',
    help: 'Chunks in the rows that this process committed to logs',
  },
  outlast_log_appended_bytes_total: {
    type: 'counter',
    help: 'Bytes of the chunks that this process committed to logs',
  },
  outlast_log_batch_rows: {
    type: 'histogram',
    help: 'Rows of one INSERT of the group commit',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
  },
  outlast_log_commit_seconds: {
    type: 'histogram',
    help: 'From sending an INSERT of the group commit until its commit is heard of',
    buckets: COMMIT_BUCKETS,
  },
  outlast_log_waiting_bytes: {
    type: 'gauge',
    help: 'Bytes of chunks that are not committed yet',
  },
  outlast_log_fence_refusals_total: {
    type: 'counter',
    help: 'Appends that were refused because the execution has a newer owner',
  },
  outlast_log_hints_sent_total: {
    type: 'counter',
    help: 'Notifications sent to tell other processes that logs have grown',
  },
  outlast_log_wake_ups_total: {
    type: 'counter',
    help: 'Notifications heard',
  },
  outlast_log_listens_total: {
    type: 'counter',
    help: 'Times that this process began to listen for notifications',
  },
  outlast_log_relistens_total: {
    type: 'counter',
    help: 'Times that it began again because its connection was lost',
  },
  outlast_log_news_reads_total: {
    type: 'counter',
    help: 'Queries for what other processes have written to the logs that are read here',
  },
  outlast_log_readers: {
    type: 'gauge',
    help: 'Readers of logs',
  },
  outlast_log_reader_lag_chunks: {
    type: 'gauge',
    help: 'Chunks that the slowest reader is behind what is known of its log',
  },
  outlast_log_delivery_seconds: {
    type: 'histogram',
    help: 'From the commit of a row until a reader takes it',
    buckets: DELIVERY_BUCKETS,
  },
  outlast_executions_finished_total: {
    type: 'counter',
    help: 'Executions that this process made final',
    label: { name: 'status', values: EXECUTION_STATUSES.filter(isFinalStatus) },
  },
  outlast_attempts_ended_total: {
    type: 'counter',
    help: 'Attempts whose end this process recorded, its own and those of workers that are gone',
    label: { name: 'reason', values: END_REASONS },
  },
  outlast_worker_executions: {
    type: 'gauge',
    help: 'Executions that this process holds',
  },
  outlast_worker_free_slots: {
    type: 'gauge',
    help: 'Executions that this process could run besides',
  },
  outlast_worker_lease_seconds: {
    type: 'gauge',
    help: 'Time for which the lease of this worker is surely held; below zero it starts nothing that needs it',
  },
  outlast_worker_notifications_pending: {
    type: 'gauge',
    help: 'Notifications of all workers that are not delivered yet, as of the last count',
  },
  outlast_notification_deliveries_total: {
    type: 'counter',
    help: 'Tries to deliver a notification that this process made',
    label: { name: 'outcome', values: ['delivered', 'postponed', 'failed'] },
  },
  outlast_automation_firings_total: {
    type: 'counter',
    help: 'Firings that this process wrote down, by what came of them at first',
    label: { name: 'status', values: FIRING_STATUSES },
  },
  outlast_automation_lateness_seconds: {
    type: 'histogram',
    help: 'From the due time of a schedule until its firing was committed',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  outlast_retention_packed_executions_total: {
    type: 'counter',
    help: 'Executions whose log was packed',
  },
  outlast_retention_packed_rows_total: {
    type: 'counter',
    help: 'Rows of those logs, before they were joined into fewer',
  },
  outlast_retention_expired_executions_total: {
    type: 'counter',
    help: 'Executions whose log was given up because of its age',
  },
  outlast_retention_removed_rows_total: {
    type: 'counter',
    help: 'Rows of logs that were removed',
  },
  outlast_retention_removed_workflows_total: {
    type: 'counter',
    help: 'Workflows of DBOS that were removed',
  },
  outlast_retention_removed_keys_total: {
    type: 'counter',
    help: 'Idempotency keys that were removed',
  },
  outlast_retention_removed_tokens_total: {
    type: 'counter',
    help: 'Expired access tokens that were removed',
  },
  outlast_retention_removed_notifications_total: {
    type: 'counter',
    help: 'Notifications that were removed',
  },
  outlast_retention_removed_challenges_total: {
    type: 'counter',
    help: 'Spent challenges that were removed',
  },
  outlast_retention_removed_audit_entries_total: {
    type: 'counter',
    help: 'Entries of the audit log that were removed',
  },
  outlast_retention_removed_firings_total: {
    type: 'counter',
    help: 'Firings that were removed',
  },
  outlast_http_open_streams: {
    type: 'gauge',
    help: 'Answers that are open streams',
  },
  outlast_http_limited_total: {
    type: 'counter',
    help: 'Requests that this process refused because of a limit',
    label: { name: 'limit', values: LIMITED },
  },
} as const satisfies Record<`outlast_${string}`, MetricDefinition>;

/** The names of all metrics of one type. */
export type MetricName<Type extends MetricDefinition['type']> = {
  [Name in keyof typeof METRICS]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[keyof typeof METRICS];

/** A metric by its name, with what it may have and not only what it has. */
export function definitionOf(name: keyof typeof METRICS): MetricDefinition {
  return METRICS[name];
}
