import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { installAudit } from '../../chaos/cluster/audit.ts';
import { readEffects } from '../../chaos/verify/effects.ts';
import { readStored, type Stored } from '../../chaos/verify/evidence.ts';
import { resultsOf } from '../../chaos/verify/results.ts';
import { verifyOne } from '../../chaos/verify/verify.ts';
import { type ApprovalKind, type ApprovalStatus, statusAfter } from '../../src/approvals/status.ts';
import { type Database, runQuery } from '../../src/db/database.ts';
import { type ExecutionStatus, isFinalStatus } from '../../src/executions/status.ts';
import { ask, start } from '../http/client.ts';
import { DeciderProcess, type DecisionAnswer } from '../support/decider-process.ts';
import { foldEachRow } from '../support/fold-each-row.ts';
import { openPool } from '../support/log-database.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Victim } from './approvals-kill-table.ts';
import { STORIES, type Story, type StoryName } from './approvals-stories.ts';
import { expectDeath, startKillable } from './recovery-run.ts';

const AGENTS = 'tests/crash/fixtures/cashier';

/** What a person says of a call of which nobody knows what came of it, in turn. */
const REMEDIES = [
  { decision: 'retry' },
  { decision: 'resolve', output: { said: 'by a person' } },
  { decision: 'deny', reason: 'nobody knows' },
] as const;

export interface AskedRow {
  id: string;
  toolCallId: string;
  kind: ApprovalKind;
  status: ApprovalStatus;
}

/** A server that runs executions, one beside it that only serves, and a process that only decides; on one database. */
export class Office {
  readonly server: TestServer;
  readonly api: TestServer;
  readonly decider: DeciderProcess;
  readonly db: Database;

  private constructor(server: TestServer, api: TestServer, decider: DeciderProcess) {
    this.server = server;
    this.api = api;
    this.decider = decider;
    this.db = openPool(server.databaseUrl);
  }

  static async open(): Promise<Office> {
    const env = { OUTLAST_AGENTS_DIR: AGENTS, LOG_LEVEL: 'warn' };
    const server = await startKillable({ env });
    const { databaseUrl } = server;
    const api = await startKillable({ databaseUrl, env: { ...env, OUTLAST_ROLE: 'api' } });
    const office = new Office(server, api, await DeciderProcess.start(databaseUrl, AGENTS));
    await installAudit(office.db.pool);
    return office;
  }

  async close(): Promise<void> {
    await this.db.close();
    await this.decider.dispose();
    await this.api.dispose();
    await this.server.dispose();
  }

  query<Row extends object>(text: string, values: unknown[]): Promise<Row[]> {
    return runQuery<Row>(this.db, { name: '', text, values });
  }

  /** Waits until a process has killed itself at its point, and starts it again. */
  async outlive(victim: Victim): Promise<void> {
    await expectDeath(this[victim]);
    expect(existsSync(join(this[victim].dataDir, 'kill-point.json'))).toBe(false);
    await this[victim].start();
  }

  /** All that is stored, and what the tools did. */
  async evidenceOf(ids: readonly string[]): Promise<Stored[]> {
    const effects = await readEffects([{ options: { dataDir: this.server.dataDir, skewMs: 0 } }]);
    const database = {
      ask: <Row extends object>(text: string, values: unknown[] = []) => this.query<Row>(text, values),
    };
    return readStored(database, ids, effects);
  }
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

  status(): Promise<string> {
    return this.#office
      .query<{ status: string }>('SELECT status FROM outlast.workflow_executions WHERE id = $1', [this.id])
      .then(([row]) => row?.status ?? 'gone');
  }

  /** What was asked, the oldest first: that is what the story is about. */
  asked(): Promise<AskedRow[]> {
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
        const [first] = await this.asked();
        return first !== undefined && (await this.status()) === this.story.decidedWhen && this.#isMidway();
      },
      { deadlineMs: 25_000, describe: () => `${this.id} to ask\n${this.#office.server.log()}` },
    );
  }

  /** Decides, from the process that may die of it; again when it has died: the request is the same. */
  async decide(by: Victim): Promise<void> {
    const { decision } = this.story;
    const [first] = await this.asked();
    if (decision === undefined || first === undefined) return;
    const answer = await this.#decide(by, first, decision);
    if (answer !== undefined) this.told.push(answer);
  }

  async #decide(by: Victim, first: AskedRow, decision: NonNullable<Story['decision']>) {
    if (by === 'decider' || decision.decision === 'answer' || 'input' in decision || 'output' in decision)
      return this.#office.decider.decide(first.id, decision);
    const base = this.#office[by].url;
    const body = {
      approved: decision.decision !== 'deny',
      ...(decision.reason && { reason: decision.reason }),
    };
    const headers = { 'idempotency-key': `decide-${first.id}` };
    const path = `/executions/${this.id}/approvals/${first.toolCallId}`;
    const answer = await ask(base, path, { body, headers }).catch(() => undefined);
    if (answer === undefined) return undefined;
    const { code, approval } = answer.json() as unknown as DecisionAnswer;
    if (answer.status !== 200) return { status: answer.status, code, approval } as DecisionAnswer;
    return {
      status: 200,
      approval: answer.json() as unknown as DecisionAnswer['approval'],
    } as DecisionAnswer;
  }

  /** Whoever wants it otherwise now is told what was decided, whether the execution goes on already or not. */
  async expectDecided(): Promise<void> {
    const [first] = await this.asked();
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
   * @returns whether the execution is over
   */
  async isOver(remedy: number): Promise<boolean> {
    const [, ...unknown] = await this.asked();
    for (const { id, status } of unknown) {
      if (status !== 'pending') continue;
      await this.decide('server');
      await this.#office.decider.decide(id, REMEDIES[remedy % REMEDIES.length] ?? REMEDIES[0]);
    }
    return isFinalStatus((await this.status()) as ExecutionStatus);
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
