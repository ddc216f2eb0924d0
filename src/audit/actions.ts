/** What is written down when somebody does it, and what kind of thing each is about; `docs/audit.md` has the same table. */
export const SUBJECT_OF = {
  'execution.started': 'execution',
  'execution.retried': 'execution',
  'execution.forked': 'execution',
  'execution.cancelled': 'execution',
  'message.edited': 'message',
  'message.regenerated': 'message',
  'thread.created': 'thread',
  'thread.updated': 'thread',
  'thread.deleted': 'thread',
  'approval.decided': 'approval',
  'approval.assigned': 'approval',
  'approval.expired': 'approval',
  'automation.created': 'automation',
  'automation.updated': 'automation',
  'automation.deleted': 'automation',
  'automation.paused': 'automation',
  'automation.resumed': 'automation',
  'automation.fired': 'automation',
  'secret.rotated': 'automation',
  'notification.resent': 'notification',
  'key.created': 'key',
  'key.revoked': 'key',
  'token.created': 'token',
  'session.opened': 'session',
  'app.created': 'app',
  'app.disabled': 'app',
} as const;

export type AuditAction = keyof typeof SUBJECT_OF;
export type AuditSubject = (typeof SUBJECT_OF)[AuditAction];

export const AUDIT_ACTIONS = Object.keys(SUBJECT_OF) as [AuditAction, ...AuditAction[]];
export const AUDIT_SUBJECTS = [...new Set(Object.values(SUBJECT_OF))] as [AuditSubject, ...AuditSubject[]];
