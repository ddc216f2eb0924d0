/** What set a firing off. */
export const FIRING_CAUSES = ['schedule', 'webhook', 'event', 'request'] as const;

export type FiringCause = (typeof FIRING_CAUSES)[number];

/**
 * `fired`: an execution was started, and possibly others after it failed. `enqueued`: it waits for a place. `skipped`:
 * nothing was started, as the settings want it. `failed`: nothing could be started, or the last attempt failed.
 */
export const FIRING_STATUSES = ['fired', 'enqueued', 'skipped', 'failed'] as const;

export type FiringStatus = (typeof FIRING_STATUSES)[number];

/** Why a firing stands as it does. A failed one has the error code of its last execution, or `template`. */
export type FiringReason =
  /** The automation has as many executions as it may. */
  | 'busy'
  /** All automations of the tenant together have as many as they may. */
  | 'tenant-busy'
  /** As many firings wait as may wait. */
  | 'queue-full'
  /** Nobody was there at its time. */
  | 'missed'
  /** Events of executions had set off too many firings before it. */
  | 'loop-guard'
  /** Its input could not be made from what set it off. */
  | 'template'
  /** Its execution was cancelled. */
  | 'cancelled';
