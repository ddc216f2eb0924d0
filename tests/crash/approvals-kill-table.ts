import type { KillPoint } from '../support/kill-points.ts';
import type { StoryName } from './approvals-stories.ts';

/** Which process dies: the one that runs the executions, one beside it that serves only, or one that only decides. */
export type Victim = 'server' | 'api' | 'decider';

/** A moment at which a process kills itself while people are asked and decide. */
export interface ApprovalKill {
  name: string;
  point: KillPoint;
  story: StoryName;
  victim: Victim;
  /**
   * From when on the point counts: from the start of the executions, from the decision, or from the restart after a
   * kill that cut a call off.
   */
  since: 'start' | 'decision' | 'takeover';
  /** A person has to say what became of a call, beyond what the story asks. Undefined: that depends on the moment. */
  leavesUnknown?: true;
}

type Moment = KillPoint['moment'];
type Event = KillPoint['event'];
type More = Partial<Omit<ApprovalKill, 'name' | 'point' | 'story'>> & Pick<KillPoint, 'hold'>;

const REQUEST = 'insert into "outlast"."approvals"';
const SUSPEND = 'update "outlast"."workflow_executions" set .*\\["suspended"';
const DECISION = 'update "outlast"."approvals" set';
const WORKFLOW = 'INSERT INTO "dbos".workflow_status';
const CLAIM = 'update "outlast"."workflow_executions" set .*\\["running"';
const PREPARE = 'insert into "outlast"."execution_inputs"';
const TOOL_START = 'update "outlast"."tool_calls" set .*\\["running"';
const TOOL_END = 'update "outlast"."tool_calls" set .*\\["completed"';
const TURN_END = 'insert into "outlast"."execution_turns"';
const MESSAGE = 'insert into "outlast"."messages".*"assistant"';
const FLUSH = 'INSERT INTO outlast.stream_chunks .*unnest.*text-delta';

const kill = (
  story: StoryName,
  name: string,
  moment: Moment,
  [event, matches]: [Event, string],
  { hold, ...more }: More = {},
): ApprovalKill => ({
  name: `${story}: ${moment} ${name}`,
  story,
  point: { event, matches, moment, ...(hold === undefined ? {} : { hold }) },
  victim: 'server',
  since: 'decision',
  ...more,
});

const around = (
  moments: Moment[],
  ...[story, name, at, more]: [StoryName, string, [Event, string], More?]
): ApprovalKill[] => moments.map((moment) => kill(story, name, moment, at, more));

const commit = (matches: string): [Event, string] => ['commit', matches];
const statement = (matches: string): [Event, string] => ['statement', matches];
const effect = (tool: string): [Event, string] => ['effect', `tool.*${tool}`];
const OK: [Event, string] = ['answer', '^200$'];

const asking = { since: 'start' } as const;
const cut = { leavesUnknown: true } as const;
const both: Moment[] = ['before', 'after'];
const all: Moment[] = ['before', 'during', 'after'];

/** From the question to the end of the execution, with one server. */
export const PLAIN_KILLS: ApprovalKill[] = [
  kill('approved', 'the rows of the question', 'before', statement(REQUEST), asking),
  ...around(both, 'approved', 'the commit of the question', commit(REQUEST), asking),
  kill('approved', 'the suspension, which comes after the question', 'before', statement(SUSPEND), asking),
  ...around(both, 'approved', 'the commit of the suspension', commit(SUSPEND), asking),
  ...around(all, 'approved', 'the commit of the decision', commit(DECISION)),
  kill('approved', 'the 200', 'after', OK),
  kill('approved', 'the 200, and nothing was launched', 'after', OK, { hold: WORKFLOW }),
  ...around(both, 'approved', 'the commit of the new claim', commit(CLAIM)),
  ...around(both, 'approved', 'the commit of the new prepare', commit(PREPARE)),
  ...around(both, 'approved', 'the commit of the start of the tool', commit(TOOL_START)),
  ...around(both, 'approved', 'the effect of the tool', effect('refund_order'), cut),
  kill('approved', 'the commit of the result', 'before', commit(TOOL_END), cut),
  kill('approved', 'the commit of the result', 'after', commit(TOOL_END)),
  kill('approved', 'the first words of the next turn', 'after', statement(FLUSH)),
  ...around(both, 'approved', 'the commit of the next turn', commit(TURN_END)),
  ...around(both, 'approved', 'the commit of the end', commit(MESSAGE)),
  ...around(both, 'denied', 'the commit of the decision', commit(DECISION)),
  kill('mailed', 'the effect of the tool, which may be called again', 'after', effect('send_email')),
];

const byApi = { victim: 'api' } as const;
const byDecider = { victim: 'decider' } as const;
const recovering = { since: 'takeover' } as const;
const APPROVED_EARLY = 'the commit of the start of the tool that was approved before it was waited for';

/** What other processes decide, what else can be decided, and what nobody decides. */
export const OTHER_KILLS: ApprovalKill[] = [
  ...around(both, 'approved', 'the commit of the decision elsewhere', commit(DECISION), byApi),
  kill('approved', 'the 200 from elsewhere', 'after', OK, byApi),
  ...around(both, 'early', 'the commit of the decision, while another runs it', commit(DECISION), byApi),
  kill('early', APPROVED_EARLY, 'after', commit(TOOL_START)),
  ...around(both, 'edited', 'the commit of the decision', commit(DECISION), byDecider),
  kill('edited', 'the commit of the start of the tool', 'after', commit(TOOL_START)),
  kill('edited', 'the effect of the tool', 'after', effect('refund_order'), cut),
  ...around(both, 'answered', 'the commit of the decision', commit(DECISION), byDecider),
  ...around(both, 'abandoned', 'the commit of the question', commit(REQUEST), recovering),
  kill('resolved', 'the commit of the suspension', 'after', commit(SUSPEND), recovering),
  ...around(both, 'retried', 'the commit of the decision', commit(DECISION)),
  kill('retried', 'the effect of the second call', 'after', effect('hang_first'), cut),
  ...around(both, 'resolved', 'the commit of the decision', commit(DECISION), byDecider),
  ...around(both, 'abandoned', 'the commit of the decision', commit(DECISION)),
  ...around(both, 'expired', 'the commit of the expiry', commit(`${DECISION}.*"expired"`), asking),
  kill('trusted', 'the commit of the expiry', 'after', commit(`${DECISION}.*"policy"`), asking),
  kill('trusted', 'the effect of the tool', 'before', effect('trusted_refund'), { ...asking, ...cut }),
];
