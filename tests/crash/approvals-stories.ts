import type { DecisionRequest } from '../../src/approvals/check-decision.ts';

/** What an execution is asked to do, and what a person says to what it then asks. */
export interface Story {
  script: string;
  /** When the person decides: once it waits for them, or while a free call of the same turn still runs. */
  decidedWhen: 'suspended' | 'running';
  /** Undefined: nobody decides, until the time is over. */
  decision: DecisionRequest | undefined;
  /** What the model is told of the calls, unless a kill leaves it unknown what came of one. */
  results: unknown[];
}

/** The model says something first, so that all executions of a story are there before the first of them asks. */
const FIRST = 'stream 6 20';
const LOOK = 'call lookup_order {"orderId":"A-1"}';
const LOOKED = { orderId: 'A-1', item: 'Desk lamp', amount: 49.9, status: 'delivered' };
const REFUND = 'call refund_order {"orderId":"A-1","amount":20}';
const MAIL = { to: 'ann@elsewhere.example', subject: 'Hello', body: 'It comes' };
const HANG = 'call hang_first {"name":"n"}';

const story = (lines: string[], decision: DecisionRequest | undefined, ...results: unknown[]): Story => ({
  script: [FIRST, ...lines].join('\n'),
  decidedWhen: 'suspended',
  decision,
  results,
});

const yes: DecisionRequest = { decision: 'approve' };
const no: DecisionRequest = { decision: 'deny', reason: 'not this one' };

export const STORIES = {
  approved: story([LOOK, REFUND], yes, LOOKED, { refunded: 20, orderId: 'A-1' }),
  denied: story([REFUND, LOOK], no, { denied: 'not this one' }, LOOKED),
  edited: story(
    [REFUND],
    { decision: 'approve', input: { orderId: 'A-1', amount: 7 } },
    {
      refunded: 7,
      orderId: 'A-1',
    },
  ),
  mailed: story([`call send_email ${JSON.stringify(MAIL)}`], yes, { sent: true, to: MAIL.to }),
  answered: story(
    ['call ask_person {"question":"Which one?"}'],
    { decision: 'answer', answer: 'the blue one' },
    'the blue one',
  ),
  early: {
    ...story(
      ['call slow_report {"seconds":3,"name":"n"}', REFUND],
      yes,
      { report: 'n', pages: 3 },
      { refunded: 20, orderId: 'A-1' },
    ),
    decidedWhen: 'running',
  },
  expired: story(['call hurried_refund {"amount":5}'], undefined, {
    denied: 'The approval expired: nobody decided in time',
  }),
  trusted: story(['call trusted_refund {"amount":5}'], undefined, { refunded: 5 }),
  retried: story([HANG], { decision: 'retry' }, { hung: 'n' }),
  resolved: story([HANG], { decision: 'resolve', output: { hung: 'by hand' } }, { hung: 'by hand' }),
  abandoned: story([HANG], no, { denied: 'not this one' }),
} satisfies Record<string, Story>;

export type StoryName = keyof typeof STORIES;
