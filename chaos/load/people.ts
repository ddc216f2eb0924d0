import { setTimeout as delay } from 'node:timers/promises';
import type { DecisionRequest } from '../../src/approvals/check-decision.ts';
import type { ApprovalKind } from '../../src/approvals/status.ts';
import { type Decider, openDecider } from '../../tests/support/decider.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { type Random, seededRandom } from '../random.ts';
import type { Told } from '../verify/approval-invariants.ts';
import { sendDecision } from './send-decision.ts';
import { wish } from './wishes.ts';

const LOOK_EVERY_MS = 25;
/** The share that is decided at once: often before the execution waits for it. */
const AT_ONCE = 0.3;
const LONGEST_THOUGHT_MS = 1200;

/** A question that is open, as the table has it. */
export interface OpenQuestion {
  approvalId: string;
  executionId: string;
  toolCallId: string;
  toolName: string;
  kind: ApprovalKind;
  input: Record<string, unknown>;
}

/** What somebody was told, and whether it was their own decision. */
export interface ToldFirst extends Told {
  isFirst: boolean;
}

const OPEN = `SELECT id AS "approvalId", execution_id AS "executionId", tool_call_id AS "toolCallId",
    tool_name AS "toolName", kind, input
  FROM outlast.approvals WHERE status = 'pending'`;

/**
 * Those whom executions ask: they decide what is open after a while, through whichever server, some twice and some
 * two at the same moment, and go on asking until they are told how it was decided.
 */
export class People {
  readonly told: ToldFirst[] = [];
  /** Answers that a good decision does not get. */
  readonly refusals: string[] = [];
  /** Decisions that were sent. */
  asked = 0;
  /** Approvals that somebody decided a second time, and that two decided at once. */
  twice = 0;
  atOnce = 0;
  readonly #cluster: Cluster;
  readonly #decider: Decider;
  readonly #random: Random;
  readonly #seen = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #leaving = new AbortController();
  readonly #looking: Promise<void>;

  private constructor(cluster: Cluster, decider: Decider, random: Random) {
    this.#cluster = cluster;
    this.#decider = decider;
    this.#random = random;
    this.#looking = this.#look();
  }

  static async arrive(cluster: Cluster, seed: number): Promise<People> {
    const decider = await openDecider(cluster.database.url, 'agents');
    return new People(cluster, decider, seededRandom(seed, 'people'));
  }

  /** Decides nothing more. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    await this.#looking;
    await Promise.all(this.#underWay);
    await this.#decider.close();
  }

  async #look(): Promise<void> {
    while (!this.#leaving.signal.aborted) {
      const open = await this.#cluster.database.askOnce<OpenQuestion>(OPEN);
      for (const question of open ?? []) {
        if (this.#seen.has(question.approvalId)) continue;
        this.#seen.add(question.approvalId);
        this.#track(this.#settle(question));
      }
      await delay(LOOK_EVERY_MS);
    }
  }

  async #settle(question: OpenQuestion): Promise<void> {
    const random = this.#random;
    if (random.next() > AT_ONCE) await delay(random.between(0, LONGEST_THOUGHT_MS));
    const first = wish(random, question);
    const how = random.next();
    if (how < 0.15) {
      this.atOnce += 1;
      await Promise.all([this.#decide(question, first), this.#decide(question, wish(random, question))]);
    } else {
      await this.#decide(question, first);
    }
    if (how < 0.85) return;
    this.twice += 1;
    await this.#decide(question, first);
  }

  /** Until it is known how it was decided. */
  async #decide(question: OpenQuestion, request: DecisionRequest): Promise<void> {
    this.asked += 1;
    const nextUrl = () => this.#cluster.nextUrl();
    try {
      const told = await sendDecision(
        { nextUrl, decider: this.#decider },
        question,
        request,
        this.#leaving.signal,
      );
      this.told.push(told);
    } catch (error) {
      if (!this.#leaving.signal.aborted) this.refusals.push(String(error));
    }
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }
}
