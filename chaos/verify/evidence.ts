import type { ApprovalKind, ApprovalStatus } from '../../src/approvals/status.ts';
import type { LogRow } from '../../src/chunks/row.ts';
import type { ClusterDatabase } from '../cluster/database.ts';
import type { Effect } from './effects.ts';

/** Times of the database are milliseconds since 1970, with fractions. */
export interface StoredRow extends LogRow {
  createdAt: number;
}

export interface Attempt {
  attempt: number;
  segment: number;
  workerId: string;
  startedAt: number;
  endedAt: number | null;
  endReason: string | null;
}

export interface Call {
  toolCallId: string;
  toolName: string;
  idempotent: boolean;
  status: string;
  input: unknown;
  output: unknown;
  errorText: string | null;
}

/** What a person was asked about a call, and its history without the assignments. */
export interface Asked {
  approvalId: string;
  toolCallId: string;
  kind: ApprovalKind;
  status: ApprovalStatus;
  input: unknown;
  editedInput: unknown;
  decidedAt: number | null;
  history: string[];
}

export interface Move {
  was: string | null;
  became: string;
  attemptWas: number | null;
  attempt: number;
  segment: number;
  at: number;
}

export interface CallMove {
  toolCallId: string;
  was: string | null;
  became: string;
  attempt: number | null;
  at: number;
}

/** All that is stored of one execution, and what its tools did to the world. */
export interface Stored {
  id: string;
  threadNo: string;
  ordinal: number;
  status: string;
  attempt: number;
  lastSeq: number | null;
  isFinished: boolean;
  errorCode: string | null;
  errorDetail: string | null;
  messageId: string;
  rows: StoredRow[];
  message: { status: string; parts: { type: string; text?: string; state?: string }[] } | undefined;
  attempts: Attempt[];
  failures: number;
  calls: Call[];
  asked: Asked[];
  moves: Move[];
  callMoves: CallMove[];
  effects: Effect[];
}

const ms = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;

const QUERIES = {
  rows: `SELECT e.id, c.seq, c.n, c.attempt, c.turn, c.chunks, ${ms('c.created_at')} AS "createdAt"
    FROM outlast.stream_chunks c JOIN outlast.workflow_executions e ON e.no = c.execution_no
    WHERE e.id = ANY($1) ORDER BY c.seq`,
  attempts: `SELECT execution_id AS id, attempt, segment, worker_id AS "workerId", ${ms('started_at')} AS "startedAt",
      ${ms('ended_at')} AS "endedAt", end_reason AS "endReason"
    FROM outlast.execution_attempts WHERE execution_id = ANY($1) ORDER BY attempt`,
  calls: `SELECT execution_id AS id, tool_call_id AS "toolCallId", tool_name AS "toolName", idempotent, status, input,
      output, error_text AS "errorText"
    FROM outlast.tool_calls WHERE execution_id = ANY($1) ORDER BY turn, position`,
  asked: `SELECT a.execution_id AS id, a.id AS "approvalId", a.tool_call_id AS "toolCallId", a.kind, a.status, a.input,
      a.edited_input AS "editedInput", ${ms('a.decided_at')} AS "decidedAt",
      ARRAY(SELECT h.kind FROM outlast.approval_events h
            WHERE h.approval_id = a.id AND h.kind <> 'assigned' ORDER BY h.id) AS history
    FROM outlast.approvals a WHERE a.execution_id = ANY($1) ORDER BY a.created_at, a.id`,
  moves: `SELECT execution_id AS id, was, became, attempt_was AS "attemptWas", attempt, segment, ${ms('at')} AS at
    FROM chaos.moves WHERE execution_id = ANY($1) ORDER BY no`,
  callMoves: `SELECT execution_id AS id, tool_call_id AS "toolCallId", was, became, attempt, ${ms('at')} AS at
    FROM chaos.call_moves WHERE execution_id = ANY($1) ORDER BY no`,
} as const;

const HEADS = `SELECT e.id, e.thread_no AS "threadNo", e.ordinal, e.status, e.attempt, e.last_seq AS "lastSeq",
    e.finished_at IS NOT NULL AS "isFinished", e.error_code AS "errorCode", e.error_detail AS "errorDetail",
    e.message_id AS "messageId", m.status AS "messageStatus", m.parts,
    (SELECT coalesce(sum(json_array_length(failures)), 0)::int FROM outlast.execution_turns t
     WHERE t.execution_id = e.id) AS failures
  FROM outlast.workflow_executions e
  LEFT JOIN outlast.messages m ON m.thread_no = e.thread_no AND m.id = e.message_id
  WHERE e.id = ANY($1)`;

type Head = Pick<
  Stored,
  | 'id'
  | 'threadNo'
  | 'ordinal'
  | 'status'
  | 'attempt'
  | 'lastSeq'
  | 'isFinished'
  | 'errorCode'
  | 'errorDetail'
  | 'messageId'
  | 'failures'
> & { messageStatus: string | null; parts: { type: string; text?: string; state?: string }[] | null };

/** What is stored of these executions; those that are not there are left out. */
export async function readStored(
  database: Pick<ClusterDatabase, 'ask'>,
  ids: readonly string[],
  effects: ReadonlyMap<string, Effect[]>,
): Promise<Stored[]> {
  const heads = await database.ask<Head>(HEADS, [ids]);
  const parts = {
    rows: await group<StoredRow>(database, QUERIES.rows, ids),
    attempts: await group<Attempt>(database, QUERIES.attempts, ids),
    calls: await group<Call>(database, QUERIES.calls, ids),
    asked: await group<Asked>(database, QUERIES.asked, ids),
    moves: await group<Move>(database, QUERIES.moves, ids),
    callMoves: await group<CallMove>(database, QUERIES.callMoves, ids),
  };
  return heads.map(({ messageStatus, parts: messageParts, ...head }) => ({
    ...head,
    message: messageStatus === null ? undefined : { status: messageStatus, parts: messageParts ?? [] },
    rows: parts.rows.get(head.id) ?? [],
    attempts: parts.attempts.get(head.id) ?? [],
    calls: parts.calls.get(head.id) ?? [],
    asked: parts.asked.get(head.id) ?? [],
    moves: parts.moves.get(head.id) ?? [],
    callMoves: parts.callMoves.get(head.id) ?? [],
    effects: effects.get(head.id) ?? [],
  }));
}

async function group<Row extends object>(
  database: Pick<ClusterDatabase, 'ask'>,
  query: string,
  ids: readonly string[],
): Promise<Map<string, Row[]>> {
  const groups = new Map<string, Row[]>();
  for (const { id, ...row } of await database.ask<{ id: string }>(query, [ids])) {
    const rows = groups.get(id) ?? [];
    rows.push(row as Row);
    groups.set(id, rows);
  }
  return groups;
}
