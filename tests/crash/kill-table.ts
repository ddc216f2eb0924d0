import type { KillPoint } from '../support/kill-points.ts';

/** A moment at which the server kills itself, and what must have become of the execution. */
export interface NamedKill {
  name: string;
  point: KillPoint;
  /** How many attempts end as `crashed`; undefined: that depends on whether a commit was faster. Default: 1. */
  crashed?: number | undefined;
  /** The end of the tool call that must not be made twice; undefined as above. Default: completed. */
  report?: 'completed' | 'denied' | undefined;
}

type Moment = KillPoint['moment'];

const CREATION = 'insert into "outlast"."workflow_executions"';
const WORKFLOW = 'INSERT INTO "dbos".workflow_status';
const CLAIM = 'update "outlast"."workflow_executions" set .*\\["running"';
const PREPARE = 'insert into "outlast"."execution_inputs"';
const TURN_END = 'insert into "outlast"."execution_turns"';
const TOOL_START = 'update "outlast"."tool_calls" set .*\\["running"';
const TOOL_END = 'update "outlast"."tool_calls" set .*\\["completed"';
const REPORT_END = `${TOOL_END}.*march`;
const MESSAGE = 'insert into "outlast"."messages".*"assistant"';
const CHECKPOINT = 'INSERT INTO "dbos".operation_outputs';
const REPORT = 'tool.*slow_report';

const kill = (
  name: string,
  moment: Moment,
  event: KillPoint['event'],
  matches: string,
  more: Partial<NamedKill & KillPoint> = {},
): NamedKill => {
  const { nth, hold, ...expected } = more;
  const point: KillPoint = {
    event,
    matches,
    moment,
    ...(nth === undefined ? {} : { nth }),
    ...(hold === undefined ? {} : { hold }),
  };
  return { name: `${moment} ${name}`, point, crashed: 1, report: 'completed', ...expected };
};

const around = (
  moments: Moment[],
  ...[name, ...rest]: [string, KillPoint['event'], string, Partial<NamedKill & KillPoint>?]
) => moments.map((moment) => kill(name, moment, ...rest));

/** A flush of the log with a chunk of this type in it. */
const flush = (type: string, nth: number, moments: Moment[] = ['before', 'during', 'after']) =>
  around(
    moments,
    `flush ${nth} with ${type}`,
    'statement',
    `INSERT INTO outlast.stream_chunks .*unnest.*${type}`,
    { nth },
  );

const open = { crashed: undefined, report: undefined };
/** A person was asked what became of it, and said that nobody knows. */
const unknown = { report: 'denied' } as const;

export const NAMED_KILLS: NamedKill[] = [
  kill('the commit of the creation', 'after', 'commit', CREATION, { crashed: 0 }),
  kill('the 202', 'after', 'answer', '^202$', { crashed: undefined }),
  kill('the 202, and nothing else was done', 'after', 'answer', '^202$', { crashed: 0, hold: WORKFLOW }),
  ...around(['before', 'after'], 'the commit of the workflow', 'commit', WORKFLOW, { crashed: 0 }),
  kill('the claim', 'before', 'statement', CLAIM, { crashed: 0 }),
  kill('the commit of the claim', 'before', 'commit', CLAIM, { crashed: 0 }),
  kill('the commit of the claim', 'during', 'commit', CLAIM, open),
  kill('the commit of the claim', 'after', 'commit', CLAIM),
  ...around(['before', 'after'], 'the checkpoint of the claim', 'commit', CHECKPOINT),
  ...around(['before', 'during', 'after'], 'the commit of prepare', 'commit', PREPARE),
  kill('the checkpoint of prepare', 'after', 'commit', CHECKPOINT, { nth: 2 }),
  ...flush('start-step', 1),
  ...flush('reasoning-delta', 1),
  ...flush('text-delta', 4),
  ...flush('tool-input-available', 1),
  kill('the end of turn 1', 'before', 'statement', TURN_END),
  ...around(['before', 'during', 'after'], 'the commit of turn 1', 'commit', TURN_END),
  kill('the checkpoint of turn 1', 'after', 'commit', CHECKPOINT, { nth: 3 }),
  ...around(['before', 'after'], 'the first commit of a tool start', 'commit', TOOL_START, {
    report: undefined,
  }),
  kill('the last commit of a tool start', 'during', 'commit', TOOL_START, { nth: 3, report: undefined }),
  kill('the effect of the report', 'before', 'effect', REPORT, unknown),
  kill('the effect of the report', 'after', 'effect', REPORT, unknown),
  ...around(['before', 'after'], 'the effect of the email', 'effect', 'tool.*send_email', {
    report: undefined,
  }),
  ...around(['before', 'after'], 'the first commit of a tool result', 'commit', TOOL_END, {
    report: undefined,
  }),
  kill('the commit of the report', 'before', 'commit', REPORT_END, unknown),
  kill('the commit of the report', 'during', 'commit', REPORT_END, { report: undefined }),
  kill('the commit of the report', 'after', 'commit', REPORT_END),
  ...flush('start-step', 2, ['before', 'after']),
  ...flush('text-delta', 12),
  ...around(['before', 'during', 'after'], 'the commit of turn 2', 'commit', TURN_END, { nth: 2 }),
  kill('the stored message', 'before', 'statement', MESSAGE),
  kill('the commit of the end', 'before', 'commit', MESSAGE),
  kill('the commit of the end', 'during', 'commit', MESSAGE, open),
  kill('the commit of the end', 'after', 'commit', MESSAGE, { crashed: 0 }),
];

/** What a reader has just seen when the server is killed from outside. */
export const STREAM_KILLS: { name: string; sees: RegExp; turn: number }[] = [
  ...[1, 2].flatMap((turn) => [
    { name: `step ${turn} begins`, sees: /"(start|reset)-step"/, turn },
    { name: `reasoning of turn ${turn}`, sees: /"reasoning-delta"/, turn },
    ...[1, 3, 5, 7, 9].map((n) => ({
      name: `word ${n} of turn ${turn}`,
      sees: new RegExp(`\\bw${n}\\b`),
      turn,
    })),
  ]),
  { name: 'a tool input', sees: /"tool-input-available"/, turn: 1 },
  { name: 'the end of turn 1', sees: /"finish-step"/, turn: 1 },
  { name: 'a tool output', sees: /"tool-output-available"/, turn: 1 },
];
