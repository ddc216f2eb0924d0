import { collectDefaultMetrics } from 'prom-client';
import type { AutomationMetrics } from '../automations/automation-metrics.ts';
import type { HintMetrics } from '../chunks/log-hints.ts';
import type { ListenerMetrics } from '../chunks/log-listener.ts';
import type { LogMetrics } from '../chunks/log-writer.ts';
import type { ExecutionMetrics } from '../executions/execution-metrics.ts';
import type { Limited } from '../limits/limited.ts';
import type { DeliveryMetrics } from '../notifications/delivery-steps.ts';
import type { Tally } from '../retention/tally.ts';
import type { LeaseCheck } from '../tools/lease-check.ts';
import { createInstruments, type Instruments } from './instruments.ts';

/** What the watch over the logs of other processes tells. */
export interface WatchMetrics extends ListenerMetrics {
  /** One query for what is new was answered. */
  newsRead(): void;
}

interface Worker {
  readonly executions: { readonly size: number };
  readonly slots: { readonly available: number };
  readonly lease: Pick<LeaseCheck, 'sureForMs'>;
  readonly pendingNotifications: () => number;
}

/**
 * What this process tells about itself. Who is measured gets one of the parts; what can be read off at any time is
 * observed: it is asked at each scrape, and is there only in a process where it means something.
 */
export interface Metrics {
  readonly log: LogMetrics;
  readonly hints: HintMetrics;
  readonly watch: WatchMetrics;
  readonly executions: ExecutionMetrics;
  readonly deliveries: DeliveryMetrics;
  readonly automations: AutomationMetrics;
  /** What a batch of the maintenance has done, once it is committed. */
  readonly maintained: (done: Partial<Tally>) => void;
  /** A reader takes what was committed so many seconds ago. */
  readonly delivered: (seconds: number) => void;
  /** A request was refused. */
  readonly limited: (limit: Limited) => void;
  observeLogWriter(writer: { readonly waitingBytes: number }): void;
  observeReaders(read: { readers: () => number; greatestLag: () => number }): void;
  observeWorker(worker: Worker): void;
  observeHttp(read: { openStreams: () => number }): void;
  /** Adds CPU, memory, event loop and garbage collection, by the names that every Node.js process has. */
  observeProcess(): void;
  readonly contentType: string;
  /** All metrics as text; never waits for the database. */
  scrape(): Promise<string>;
}

/** Metrics of their own registry: two in one process do not meet. */
export function createMetrics(): Metrics {
  const make = createInstruments();
  const { registry } = make;
  const delivery = make.histogram('outlast_log_delivery_seconds');
  return {
    log: logMetrics(make),
    hints: countHints(make),
    watch: watchMetrics(make),
    executions: executionMetrics(make),
    deliveries: deliveryMetrics(make),
    automations: automationMetrics(make),
    maintained: countMaintenance(make),
    limited: countLimited(make),
    delivered: (seconds) => delivery.observe(seconds),
    observeLogWriter: (writer) => make.gauge('outlast_log_waiting_bytes', () => writer.waitingBytes),
    observeReaders: ({ readers, greatestLag }) => {
      make.gauge('outlast_log_readers', readers);
      make.gauge('outlast_log_reader_lag_chunks', greatestLag);
    },
    observeWorker: ({ executions, slots, lease, pendingNotifications }) => {
      make.gauge('outlast_worker_executions', () => executions.size);
      make.gauge('outlast_worker_free_slots', () => slots.available);
      make.gauge('outlast_worker_lease_seconds', () => lease.sureForMs() / 1000);
      make.gauge('outlast_worker_notifications_pending', pendingNotifications);
    },
    observeHttp: ({ openStreams }) => make.gauge('outlast_http_open_streams', openStreams),
    observeProcess: () => collectDefaultMetrics({ register: registry }),
    contentType: registry.contentType,
    scrape: () => registry.metrics(),
  };
}

function logMetrics({ counter, histogram }: Instruments): LogMetrics {
  const rowsAppended = counter('outlast_log_appended_rows_total');
  const chunks = counter('outlast_log_appended_chunks_total');
  const bytes = counter('outlast_log_appended_bytes_total');
  const batchRows = histogram('outlast_log_batch_rows');
  const commit = histogram('outlast_log_commit_seconds');
  const refusals = counter('outlast_log_fence_refusals_total');
  return {
    appended: (rows) => {
      rowsAppended.inc(rows.length);
      chunks.inc(rows.reduce((sum, row) => sum + row.n, 0));
      bytes.inc(rows.reduce((sum, row) => sum + Buffer.byteLength(row.chunks), 0));
    },
    flushed: (rows, ms) => {
      batchRows.observe(rows);
      commit.observe(ms / 1000);
    },
    refused: () => refusals.inc(),
  };
}

function countHints({ counter }: Instruments): HintMetrics {
  const sent = counter('outlast_log_hints_sent_total');
  return { sent: (notifications) => sent.inc(notifications) };
}

function watchMetrics({ counter }: Instruments): WatchMetrics {
  const wakeUps = counter('outlast_log_wake_ups_total');
  const listens = counter('outlast_log_listens_total');
  const relistens = counter('outlast_log_relistens_total');
  const reads = counter('outlast_log_news_reads_total');
  return {
    heard: () => wakeUps.inc(),
    listening: (isAgain) => {
      listens.inc();
      if (isAgain) relistens.inc();
    },
    newsRead: () => reads.inc(),
  };
}

function executionMetrics({ counter }: Instruments): ExecutionMetrics {
  const finished = counter('outlast_executions_finished_total');
  const ended = counter('outlast_attempts_ended_total');
  return {
    finished: (status) => finished.inc({ status }),
    attemptEnded: (reason) => ended.inc({ reason }),
  };
}

function deliveryMetrics({ counter }: Instruments): DeliveryMetrics {
  const deliveries = counter('outlast_notification_deliveries_total');
  return { delivery: (outcome) => deliveries.inc({ outcome }) };
}

function countLimited({ counter }: Instruments): Metrics['limited'] {
  const limited = counter('outlast_http_limited_total');
  return (limit) => limited.inc({ limit });
}

function automationMetrics({ counter, histogram }: Instruments): AutomationMetrics {
  const firings = counter('outlast_automation_firings_total');
  const lateness = histogram('outlast_automation_lateness_seconds');
  return {
    fired: (status, latenessMs) => {
      firings.inc({ status });
      if (latenessMs !== undefined) lateness.observe(Math.max(0, latenessMs) / 1000);
    },
  };
}

function countMaintenance({ counter }: Instruments): Metrics['maintained'] {
  const counters = [
    ['logsPacked', counter('outlast_retention_packed_executions_total')],
    ['rowsBefore', counter('outlast_retention_packed_rows_total')],
    ['logsExpired', counter('outlast_retention_expired_executions_total')],
    ['rowsRemoved', counter('outlast_retention_removed_rows_total')],
    ['segmentsRemoved', counter('outlast_retention_removed_workflows_total')],
    ['keysRemoved', counter('outlast_retention_removed_keys_total')],
    ['tokensRemoved', counter('outlast_retention_removed_tokens_total')],
    ['notificationsRemoved', counter('outlast_retention_removed_notifications_total')],
    ['challengesRemoved', counter('outlast_retention_removed_challenges_total')],
    ['auditEntriesRemoved', counter('outlast_retention_removed_audit_entries_total')],
    ['firingsRemoved', counter('outlast_retention_removed_firings_total')],
  ] as const;
  return (done) => {
    for (const [what, each] of counters) each.inc(done[what] ?? 0);
  };
}
