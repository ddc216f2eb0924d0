import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import { pause } from '../pause.ts';
import { expireLogs } from './expire-logs.ts';
import { inBatches } from './in-batches.ts';
import { packLogs } from './pack-logs.ts';
import { removeAccessTokens } from './remove-access-tokens.ts';
import { removeAuditEntries } from './remove-audit-entries.ts';
import { removeDeletedLogs } from './remove-deleted-logs.ts';
import { removeExpiredLogs } from './remove-expired-logs.ts';
import { removeFirings } from './remove-firings.ts';
import { removeIdempotencyKeys } from './remove-idempotency-keys.ts';
import { removeNotifications } from './remove-notifications.ts';
import { removeSpentChallenges } from './remove-spent-challenges.ts';
import { addTo, type Batches, emptyTally, type Tally } from './tally.ts';

/** An execution is final for so long before its log is packed. */
const PACK_AFTER_MS = 60_000;
const SEGMENTS_AT_ONCE = 1000;
/** A backlog is worked off in passes of this length, so that the log tells of it in time. */
const LONGEST_PASS_MS = 60_000;

export interface MaintenanceOptions {
  db: Database;
  intervalMs: number;
  chunkRetentionDays: number;
  /** Default: 0, for ever. */
  auditRetentionDays?: number;
  firingRetentionDays: number;
  /** Default: a minute. */
  packAfterMs?: number;
  /** Removes at most `limit` workflows of ended segments; the engine that ran them knows where they are. */
  removeEndedSegments: (db: Database, limit: number) => Promise<number>;
  /** Hears of each batch once it is committed. */
  report?: (done: Partial<Tally>) => void;
  logger: Logger;
}

interface Role {
  readonly name: string;
  readonly batches: Batches;
}

/**
 * Packs logs and removes what is past its time, on every worker; whoever takes a row first does it. The work is in
 * small batches, the kinds of it take turns, and each batch is followed by a rest of the same length, so that it
 * takes at most half of one connection from live work.
 */
export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
  }

  /** A first pass after the interval, and then at each. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends after the batch that is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  /** Does what there is to do, for a minute at most. @returns true when nothing is left */
  async pass(): Promise<boolean> {
    const endsAt = performance.now() + LONGEST_PASS_MS;
    const total = emptyTally();
    let roles = this.#begin();
    while (roles.length > 0 && performance.now() < endsAt && !this.#stopped.signal.aborted) {
      const busy: Role[] = [];
      for (const role of roles) if (await this.#doBatch(role, total)) busy.push(role);
      roles = busy;
    }
    for (const { batches } of roles) await batches.return();
    if (Object.values(total).some((count) => count > 0)) this.#options.logger.info(total, 'maintenance.done');
    return roles.length === 0;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    for (let isDone = true; !signal.aborted; ) {
      if (isDone) await pause(this.#options.intervalMs, signal);
      if (!signal.aborted) isDone = await this.pass();
    }
  }

  #begin(): Role[] {
    const {
      db,
      logger,
      chunkRetentionDays,
      auditRetentionDays = 0,
      firingRetentionDays,
      packAfterMs = PACK_AFTER_MS,
      removeEndedSegments,
    } = this.#options;
    return [
      { name: 'expire-logs', batches: expireLogs(db, chunkRetentionDays) },
      { name: 'remove-expired-logs', batches: removeExpiredLogs({ db, logger }) },
      { name: 'remove-deleted-logs', batches: removeDeletedLogs({ db, logger }) },
      { name: 'pack-logs', batches: packLogs({ db, logger, packAfterMs }) },
      {
        name: 'remove-ended-segments',
        batches: inBatches('segmentsRemoved', SEGMENTS_AT_ONCE, (limit) => removeEndedSegments(db, limit)),
      },
      { name: 'remove-idempotency-keys', batches: removeIdempotencyKeys(db) },
      { name: 'remove-access-tokens', batches: removeAccessTokens(db) },
      { name: 'remove-notifications', batches: removeNotifications(db, chunkRetentionDays) },
      { name: 'remove-spent-challenges', batches: removeSpentChallenges(db) },
      ...(auditRetentionDays > 0
        ? [{ name: 'remove-audit-entries', batches: removeAuditEntries(db, auditRetentionDays) }]
        : []),
      { name: 'remove-firings', batches: removeFirings(db, firingRetentionDays) },
    ];
  }

  /** @returns false when the role has nothing left to do, or cannot do it now; then the next pass tries again */
  async #doBatch({ name, batches }: Role, total: Tally): Promise<boolean> {
    const startedAt = performance.now();
    try {
      const { value, done } = await batches.next();
      if (done === true) return false;
      addTo(total, value);
      this.#options.report?.(value);
    } catch (error) {
      if (!isTransient(error)) this.#options.logger.error({ err: error, role: name }, 'maintenance.failed');
      return false;
    }
    await pause(performance.now() - startedAt, this.#stopped.signal);
    return true;
  }
}
