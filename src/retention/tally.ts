/** What maintenance has done. */
export interface Tally {
  logsPacked: number;
  /** Rows of the log that went into packed ones, and how many packed ones they are now. */
  rowsBefore: number;
  rowsAfter: number;
  logsExpired: number;
  logsRemoved: number;
  rowsRemoved: number;
  /** Workflows of DBOS whose segment has ended. */
  segmentsRemoved: number;
  keysRemoved: number;
  tokensRemoved: number;
  notificationsRemoved: number;
  challengesRemoved: number;
  auditEntriesRemoved: number;
  firingsRemoved: number;
}

/** A role's work, a committed batch at a time: between two of them it may be ended at any time. */
export type Batches = AsyncGenerator<Partial<Tally>, void, void>;

export function emptyTally(): Tally {
  return {
    logsPacked: 0,
    rowsBefore: 0,
    rowsAfter: 0,
    logsExpired: 0,
    logsRemoved: 0,
    rowsRemoved: 0,
    segmentsRemoved: 0,
    keysRemoved: 0,
    tokensRemoved: 0,
    notificationsRemoved: 0,
    challengesRemoved: 0,
    auditEntriesRemoved: 0,
    firingsRemoved: 0,
  };
}

export function addTo(total: Tally, done: Partial<Tally>): void {
  for (const [what, count] of Object.entries(done)) total[what as keyof Tally] += count;
}
