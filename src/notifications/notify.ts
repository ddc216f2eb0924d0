import type { Transaction } from '../db/database.ts';
import type { NotificationType } from './status.ts';

/** Something that a receiver is told. */
export type NotificationEvent =
  | { type: Extract<NotificationType, `approval.${string}`>; approvalId: string }
  | { type: Extract<NotificationType, `execution.${string}`>; executionId: string }
  /** With the execution that was one failure too many. */
  | { type: 'automation.paused'; automationId: string; executionId: string };

/**
 * Tells the receiver of something, from inside the transaction in which it happens, once all of it is written: both
 * commit, or neither. Undefined where nobody wants to be told. An execution that ends also tells of the approvals that
 * end with it.
 */
export type Notify = (tx: Transaction, event: NotificationEvent) => Promise<void>;
