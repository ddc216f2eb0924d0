import { z } from 'zod';
import type { DecisionRequest } from '../approvals/check-decision.ts';
import type { ApprovalRow } from '../approvals/view.ts';

/** What a part of a message says that a person did with a tool call. Its input is never read. */
export interface ToolAnswer {
  /** The message that has the part; undefined if it says none. */
  messageId: string | undefined;
  toolCallId: string;
  /** A decision, and the approval that the client means. */
  approval?: { id: string; approved: boolean; reason?: string | undefined } | undefined;
  /** The output, given in place of the tool's. */
  output?: { value: unknown } | undefined;
  /** Why there is no output. */
  errorText?: string | undefined;
}

const approval = z.object({
  id: z.string(),
  approved: z.boolean(),
  reason: z.string().max(4096).nullish(),
});

const toolPart = z.object({
  type: z.string().regex(/^(?:tool-.|dynamic-tool$)/),
  toolCallId: z.string(),
  state: z.enum(['approval-responded', 'output-available', 'output-error', 'output-denied']),
  approval: approval.optional().catch(undefined),
  output: z.unknown().optional(),
  errorText: z.string().optional().catch(undefined),
});

/** The answers in a message of an assistant, as clients keep them; what is none is passed over. */
export function readToolAnswers(message: unknown): ToolAnswer[] {
  const { id, parts } = message as { id?: unknown; parts?: unknown };
  if (!Array.isArray(parts)) return [];
  const messageId = typeof id === 'string' ? id : undefined;
  // What has no call is passed over before it is parsed: seven million of `[]` fit in a body and would take 9 s.
  return parts.flatMap((part: { toolCallId?: unknown } | null) => {
    if (typeof part?.toolCallId !== 'string') return [];
    const parsed = toolPart.safeParse(part);
    return parsed.success ? [toAnswer(messageId, parsed.data)] : [];
  });
}

function toAnswer(
  messageId: string | undefined,
  { toolCallId, state, approval: decided, output, errorText }: z.output<typeof toolPart>,
) {
  const answer: ToolAnswer = { messageId, toolCallId };
  if (decided !== undefined) answer.approval = { ...decided, reason: decided.reason ?? undefined };
  if (state === 'output-available') answer.output = { value: output ?? null };
  if (state === 'output-error') answer.errorText = errorText ?? '';
  return answer;
}

/**
 * Which of the answers is meant for an approval: the one that names it, else the one to its tool call in the very
 * message. There are models that call every first call `call_0`: what was said of another one is no answer (T3).
 * @param messageId of the execution that asks
 */
export function answerTo(
  { id, toolCallId }: Pick<ApprovalRow, 'id' | 'toolCallId'>,
  messageId: string,
  answers: readonly ToolAnswer[],
  knownApprovals: ReadonlySet<string>,
): ToolAnswer | undefined {
  const named = answers.findLast((answer) => answer.approval?.id === id);
  // One that names another approval of ours answered that one: the same call may be asked about twice.
  return (
    named ??
    answers.findLast(
      (answer) =>
        answer.toolCallId === toolCallId &&
        answer.messageId === messageId &&
        !knownApprovals.has(answer.approval?.id ?? ''),
    )
  );
}

/** The decision that an answer is, by what was asked; undefined when it is none. */
export function toDecision(kind: ApprovalRow['kind'], answer: ToolAnswer): DecisionRequest | undefined {
  const { approval: decided, output, errorText } = answer;
  if (kind === 'question') {
    if (output !== undefined) return { decision: 'answer', answer: output.value };
    return errorText === undefined ? undefined : { decision: 'deny', reason: errorText.slice(0, 4096) };
  }
  if (kind === 'unknown-outcome' && output !== undefined) {
    return { decision: 'resolve', output: output.value };
  }
  if (decided === undefined) return undefined;
  if (!decided.approved) return { decision: 'deny', reason: decided.reason };
  return { decision: kind === 'approval' ? 'approve' : 'retry', reason: decided.reason };
}
