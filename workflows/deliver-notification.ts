import type { RunStep } from './steps.ts';

/** One try to deliver a notification: whoever took it for this try may send it. */
export interface DeliveryRef {
  notificationId: string;
  /** The how manieth try it is, ever. */
  no: number;
}

/** What came of a try. */
export interface DeliveryOutcome {
  /** `again`: it may succeed later. `refused`: the receiver, or we, will not have it. */
  verdict: 'delivered' | 'again' | 'refused';
  durationMs: number;
  /** Null when no answer came. */
  statusCode: number | null;
  error: string | null;
  /** The beginning of the answer's body. */
  response: string | null;
  /** How long the receiver asked to be left alone. */
  retryAfterMs: number | null;
}

/** The steps of a delivery. None of them throws but for a fault of ours. */
export interface DeliverySteps {
  /** Sends it. @returns null when this process may not, or no longer */
  send(ref: DeliveryRef): Promise<DeliveryOutcome | null>;
  /** Writes down what came of it, and when it is tried again. */
  record(ref: DeliveryRef, outcome: DeliveryOutcome): Promise<void>;
}

/**
 * Sends a notification once. It is short and never waits: when the next try is due is a column, and a try whose
 * process died is made again by a workflow of its own, with the same id for the receiver.
 */
export async function deliverNotification(
  steps: DeliverySteps,
  runStep: RunStep,
  ref: DeliveryRef,
): Promise<void> {
  const outcome = await runStep('send', () => steps.send(ref));
  if (outcome === null) return;
  await runStep('record', () => steps.record(ref, outcome));
}
