import type { DecisionRequest } from '../../src/approvals/check-decision.ts';
import type { Random } from '../random.ts';
import type { OpenQuestion } from './people.ts';

/** What somebody wants, of all that can be decided. */
export function wish(random: Random, { kind, toolName, input }: OpenQuestion): DecisionRequest {
  const share = random.next();
  const deny: DecisionRequest = { decision: 'deny', reason: `no, ${random.between(1, 999)}` };
  switch (kind) {
    case 'approval':
      if (share < 0.2) return deny;
      return share < 0.5
        ? { decision: 'approve', input: { ...input, ...other(random, toolName) } }
        : { decision: 'approve' };
    case 'question':
      return share < 0.2 ? deny : { decision: 'answer', answer: { said: random.between(1, 999) } };
    case 'unknown-outcome':
      if (share < 0.33) return deny;
      return share < 0.67
        ? { decision: 'retry' }
        : { decision: 'resolve', output: { looked: random.between(1, 999) } };
  }
}

function other(random: Random, toolName: string): Record<string, unknown> {
  const number = random.between(1000, 9999);
  return toolName === 'refund_order' ? { amount: number } : { subject: `Number ${number}` };
}
