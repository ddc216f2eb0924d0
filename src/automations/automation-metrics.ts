import type { FiringStatus } from './firing-status.ts';

/** Where it is counted what becomes of firings: after the commit. */
export interface AutomationMetrics {
  /** @param latenessMs since its due time, if a schedule was due that nobody missed */
  fired(status: FiringStatus, latenessMs?: number): void;
}
