import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { Stored } from '../../chaos/verify/evidence.ts';
import { resultsOf } from '../../chaos/verify/results.ts';
import { verifyOne } from '../../chaos/verify/verify.ts';
import type { DecisionRequest } from '../../src/approvals/check-decision.ts';
import { type ApprovalKind, type ApprovalStatus, statusAfter } from '../../src/approvals/status.ts';
import { type ExecutionStatus, isFinalStatus } from '../../src/executions/status.ts';
import { start } from '../http/client.ts';
import { decideOverHttp } from '../support/decide-over-http.ts';
import type { DecisionAnswer } from '../support/decider-process.ts';
import { foldEachRow } from '../support/fold-each-row.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Victim } from './approvals-kill-table.ts';
import type { Office } from './approvals-office.ts';
import { STORIES, type Story, type StoryName } from './approvals-stories.ts';

/** What a person says of a call of which nobody knows what came of it, in turn. */
const REMEDIES = [
  { decision: 'retry' },
  { decision: 'resolve', output: { said: 'by a person' } },
  { decision: 'deny', reason: 'nobody knows' },
] as const;

interface AskedRow {
  id: string;
  toolCallId: string;
  kind: ApprovalKind;
  status: ApprovalStatus;
}

/** An execution that asks a person. */
export class AskedExecution {
  readonly story: Story;
  /** What those who decided were answered. */
  readonly told: DecisionAnswer[] = [];
  readonly #office: Office;
  readonly #threadId = randomUUID();
  #id: string | undefined;

  constructor(office: Office, story: StoryName) {
    this.#office = office;
    this.story = STORIES[story];
  }

  get id(): string {
    if (this.#id === undefined) throw new Error('The execution was not accepted');
    return this.#id;
  }

  async start(): Promise<void> {
    const body = { agentId: 'cashier', threadId: this.#threadId, input: this.story.script };
    this.#id = (await start(this.#office.server.url, body)).id;
  }

  #status(): Promise<string> {
    return this.#office
      .query<{ status: string }>('SELECT status FROM outlast.workflow_executions WHERE id = $1', [this.id])
      .then(([row]) => row?.status ?? 'gone');
  }

  /** What was asked, the oldest first: that is what the story is about. */
  #asked(): Promise<AskedRow[]> {
    return this.#office.query<AskedRow>(
      `SELECT id, tool_call_id AS "toolCallId", kind, status FROM outlast.approvals
       WHERE execution_id = $1 ORDER BY created_at, id`,
      [this.id],
    );
  }

  /** Resolves when a person can decide as the story wants it. */
  async waits(): Promise<void> {
    await waitFor(
      async () => {
        const [first] = await this.#asked();
        return first !== undefined && (await this.#status()) === this.story.decidedWhen && this.#isMidway();
      },
      { deadlineMs: 25_000, describe: () => `${this.id} to ask\n${this.#office.server.log()}` },
    );
  }

  /** Decides, from the process that may die of it; again when it has died: the request is the same. */
  async decide(by: Victim): Promise<void> {
    const { decision } = this.story;
    const [first] = await this.#asked();
    if (decision === undefined || first === undefined) return;
    const answer = await this.#decide(by, first, decision);
    if (answer !== undefined) this.told.push(answer);
  }

  #decide(by: Victim, first: AskedRow, decision: DecisionRequest): Promise<DecisionAnswer | undefined> {
    const needsMore = ['input', 'answer', 'output'].some((member) => member in decision);
    if (by === 'decider' || needsMore) return this.#office.decider.decide(first.id, decision);
    const url = `${this.#office[by].url}/executions/${this.id}/approvals/${first.toolCallId}`;
    return decideOverHttp(url, `decide-${first.id}`, decision);
  }

  /** Whoever wants it otherwise now is told what was decided, whether the execution goes on already or not. */
  async expectDecided(): Promise<void> {
    const [first] = await this.#asked();
    const late = await this.#office.decider.decide(first?.id ?? '', { decision: 'deny', reason: 'too late' });
    expect(late).toMatchObject({
      status: 409,
      code: 'already-decided',
      approval: { id: first?.id, status: first?.status },
    });
  }

  /**
   * Says what became of a call that was cut off. Who has not heard the answer to the first decision may ask again
   * right then: that is no word on what became of the call.
   */
  async decideRest(remedy: number): Promise<void> {
    const [, ...unknown] = await this.#asked();
    for (const { id, status } of unknown) {
      if (status !== 'pending') continue;
      await this.decide('server');
      await this.#office.decider.decide(id, REMEDIES[remedy % REMEDIES.length] ?? REMEDIES[0]);
    }
  }

  async isOver(): Promise<boolean> {
    return isFinalStatus((await this.#status()) as ExecutionStatus);
  }

  /** Holds it to every invariant, and to what the story says. */
  async expectTold(stored: Stored): Promise<void> {
    const told = this.told.flatMap(({ approval }) =>
      approval === undefined ? [] : [{ approvalId: approval.id, status: approval.status }],
    );
    const texts = ['w1 w2 w3 w4 w5 w6', `done: ${JSON.stringify(resultsOf(stored))}`];
    expect(await verifyOne(stored, { texts, told, mayFail: false })).toEqual([]);
    await foldEachRow(this.#office.db, await this.#no());
    const [main, ...unknown] = stored.asked;
    const { decision, results } = this.story;
    if (main !== undefined && decision !== undefined) {
      expect(main.status).toBe(statusAfter(main.kind, decision.decision));
      expect(this.told.length).toBeGreaterThan(0);
      for (const { status, code, approval } of this.told) {
        expect(approval?.id).toBe(main.approvalId);
        if (status !== 200) expect(code).toBe('already-decided');
      }
    }
    if (unknown.length === 0) expect(resultsOf(stored)).toEqual(results);
  }

  /** A story that is decided while it runs is so while its free call is under way. */
  async #isMidway(): Promise<boolean> {
    if (this.story.decidedWhen !== 'running') return true;
    const calls = await this.#office.query(
      `SELECT 1 FROM outlast.tool_calls WHERE execution_id = $1 AND status = 'running'`,
      [this.id],
    );
    return calls.length > 0;
  }

  async #no(): Promise<number> {
    const rows = await this.#office.query<{ no: string }>(
      'SELECT no FROM outlast.workflow_executions WHERE id = $1',
      [this.id],
    );
    return Number(rows[0]?.no);
  }
}
