import { and, asc, eq, sql } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { approvalEvents, approvals, threads } from '../db/schema.ts';
import type { ApprovalRow } from './view.ts';

/** An approval as it is now, of which something is new. */
export interface ChangedApproval {
  row: ApprovalRow;
  threadId: string;
}

/** Changes that are read at once. */
const MAX_CHANGES = 50;
/** How much later than its event's time a change may commit: longer than any transaction may take. */
const LATE_MS = 30_000;

const NOW_MS = sql<number>`extract(epoch FROM statement_timestamp())::float8 * 1000`;
const AT_MS = sql<number>`extract(epoch FROM ${approvalEvents.at})::float8 * 1000`;

/**
 * What has changed in the inbox since the last look, of all owners. Neither ids nor times of events come in the order
 * of their commits, so that each look goes back a while and leaves out what it has read already. All times are the
 * database's: a process that stood still for a minute looks back that minute too.
 */
export class ApprovalNews {
  readonly #db: Executor;
  /** The events that were read and that another look would meet, with their times. */
  readonly #read = new Map<number, number>();
  #sinceMs = 0;

  constructor(db: Executor) {
    this.#db = db;
  }

  /** Takes what there is for known. Whatever is read from the tables afterwards has it. */
  async begin(): Promise<void> {
    const rows = await this.#db
      .select({ id: approvalEvents.id, atMs: AT_MS, nowMs: NOW_MS })
      .from(sql`(SELECT) AS look`)
      .leftJoin(
        approvalEvents,
        sql`${approvalEvents.at} > statement_timestamp() - ${LATE_MS} * interval '1 ms'`,
      );
    for (const { id, atMs } of rows) if (id !== null) this.#read.set(id, atMs);
    this.#sinceMs = (rows[0]?.nowMs ?? 0) - LATE_MS;
  }

  /** @returns each approval of which something is new, once; `isMore` when there may be more at once */
  async next(): Promise<{ changes: ChangedApproval[]; isMore: boolean }> {
    const rows = await this.#look();
    const changed = new Map<string, ChangedApproval>();
    let count = 0;
    for (const { id, atMs, row, threadId } of rows) {
      if (id === null || row === null || threadId === null) continue;
      count += 1;
      this.#read.set(id, atMs);
      changed.set(row.id, { row, threadId });
    }
    const isMore = count === MAX_CHANGES;
    if (!isMore) this.#advance((rows[0]?.nowMs ?? 0) - LATE_MS);
    return { changes: [...changed.values()], isMore };
  }

  /** One row even when there is nothing, for the time of the look: it is taken before the look sees anything. */
  #look() {
    const { id, at, approvalId } = approvalEvents;
    const isNew = and(
      sql`${at} > to_timestamp(${this.#sinceMs}::float8 / 1000)`,
      sql`${id} <> ALL(${`{${[...this.#read.keys()].join(',')}}`}::bigint[])`,
    );
    return this.#db
      .select({ nowMs: NOW_MS, id, atMs: AT_MS, row: approvals, threadId: threads.id })
      .from(sql`(SELECT) AS look`)
      .leftJoin(approvalEvents, isNew)
      .leftJoin(approvals, eq(approvals.id, approvalId))
      .leftJoin(threads, eq(threads.no, approvals.threadNo))
      .orderBy(asc(at), asc(id))
      .limit(MAX_CHANGES);
  }

  #advance(sinceMs: number): void {
    this.#sinceMs = Math.max(this.#sinceMs, sinceMs);
    // A second more, for what is lost of a time on its way through two kinds of numbers.
    for (const [id, atMs] of this.#read) if (atMs < this.#sinceMs - 1000) this.#read.delete(id);
  }
}
