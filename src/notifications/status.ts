/** What a receiver can be told of. An approval is `decided` also when it expired or was cancelled: its status says. */
export const NOTIFICATION_TYPES = [
  'approval.requested',
  'approval.decided',
  'execution.completed',
  'execution.failed',
  'execution.cancelled',
  'automation.paused',
] as const;

export type NotificationType = (typeof NOTIFICATION_TYPES)[number];

/** `pending` until the receiver has it, or all tries are used up; `resend` makes it pending again. */
export const NOTIFICATION_STATUSES = ['pending', 'delivered', 'failed'] as const;

export type NotificationStatus = (typeof NOTIFICATION_STATUSES)[number];
