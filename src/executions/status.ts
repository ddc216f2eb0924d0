/** The states of an execution (E1), each with the states that it may move to. Drawn in docs/lifecycle.md. */
export const NEXT_STATUS = {
  /** Accepted and durable; waits for a worker, or (segment 0) for its thread. */
  queued: ['running', 'failed', 'cancelled'],
  /** A worker holds it under a lease. `queued` again when it is handed over after a crash or drain. */
  running: ['completed', 'failed', 'cancelled', 'suspended', 'queued'],
  /** Waits for a person; rows only. `queued` when decided. */
  suspended: ['queued', 'failed', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
} as const satisfies Record<string, readonly string[]>;

export type ExecutionStatus = keyof typeof NEXT_STATUS;

export const EXECUTION_STATUSES = Object.keys(NEXT_STATUS) as [ExecutionStatus, ...ExecutionStatus[]];

/** Where a move begins: the statuses from which `to` may be reached. */
export function statusesBefore(to: ExecutionStatus): ExecutionStatus[] {
  return EXECUTION_STATUSES.filter((from) => (NEXT_STATUS[from] as readonly string[]).includes(to));
}

/** A final status is never left. */
export function isFinalStatus(status: ExecutionStatus): boolean {
  return NEXT_STATUS[status].length === 0;
}
