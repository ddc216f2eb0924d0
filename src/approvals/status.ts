/** What a person is asked, and what each decision of it leads to. Any other pair is refused. */
export const DECISIONS = {
  /** May this tool run with this input? */
  approval: { approve: 'approved', deny: 'denied' },
  /** The agent asks, and the answer is the tool's output. */
  question: { answer: 'answered', deny: 'denied' },
  /** A crash left it unknown whether the tool ran: run it again, give its output, or end it without. */
  'unknown-outcome': { retry: 'retried', resolve: 'resolved', deny: 'denied' },
} as const satisfies Record<string, Record<string, ApprovalStatus>>;

export const APPROVAL_KINDS = ['approval', 'question', 'unknown-outcome'] as const;
export type ApprovalKind = (typeof APPROVAL_KINDS)[number];

export const DECISION_KINDS = ['approve', 'deny', 'answer', 'retry', 'resolve'] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];

/** `pending` is left once (A1). `expired`: nobody decided in time. `cancelled`: the execution ended first. */
export const APPROVAL_STATUSES = [
  'pending',
  'approved',
  'denied',
  'answered',
  'retried',
  'resolved',
  'expired',
  'cancelled',
] as const;
export type ApprovalStatus = (typeof APPROVAL_STATUSES)[number];

/** What the history of an approval tells: each status that it came to, and the assignments in between. */
export const APPROVAL_EVENT_KINDS = [
  'requested',
  'assigned',
  ...APPROVAL_STATUSES.filter((status) => status !== 'pending'),
] as const;
export type ApprovalEventKind = (typeof APPROVAL_EVENT_KINDS)[number];

/** Who decides when the time of an approval is up. */
export const POLICY = 'policy';

/** The status that a decision leads to; undefined when it does not fit the kind. */
export function statusAfter(kind: ApprovalKind, decision: DecisionKind): ApprovalStatus | undefined {
  return (DECISIONS[kind] as Partial<Record<DecisionKind, ApprovalStatus>>)[decision];
}
