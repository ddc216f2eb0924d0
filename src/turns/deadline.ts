import type { AgentLimits } from '../agents/define-agent.ts';
import type { OwnedExecution } from '../executions/owned-execution.ts';

/** The execution was worked on for longer than its agent allows. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';

  constructor(limits: Pick<AgentLimits, 'deadlineMs'>) {
    super(`The execution was active for longer than its ${limits.deadlineMs} ms`);
  }
}

/** A signal that aborts when the execution is lost, or (with DeadlineExceeded) when its active time is over. */
export function startDeadline(
  owned: OwnedExecution,
  limits: Pick<AgentLimits, 'deadlineMs'>,
): { signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const remaining = Math.max(0, limits.deadlineMs - owned.activeMs);
  const timer = setTimeout(() => controller.abort(new DeadlineExceeded(limits)), remaining);
  return { signal: AbortSignal.any([owned.signal, controller.signal]), clear: () => clearTimeout(timer) };
}
