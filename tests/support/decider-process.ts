import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { DecisionRequest } from '../../src/approvals/check-decision.ts';
import type { Approval } from '../../src/approvals/view.ts';
import { makeTestFolder, removeTestFolder } from './folders.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What became of a decision, as HTTP tells it. */
export interface DecisionAnswer {
  status: number;
  code?: string;
  approval?: Approval;
}

/** A process of its own that decides, runs no execution, and can be told at which moment to kill itself. */
export class DeciderProcess {
  readonly dataDir: string;
  readonly #databaseUrl: string;
  readonly #agentsDir: string;
  #child: ChildProcess | undefined;
  /** Those who wait for an answer; answers come in the order of the decisions. */
  #waiting: ((answer: object | undefined) => void)[] = [];
  #errors = '';

  private constructor(databaseUrl: string, agentsDir: string, dataDir: string) {
    this.#databaseUrl = databaseUrl;
    this.#agentsDir = agentsDir;
    this.dataDir = dataDir;
  }

  static async start(databaseUrl: string, agentsDir: string): Promise<DeciderProcess> {
    const decider = new DeciderProcess(databaseUrl, agentsDir, await makeTestFolder());
    await decider.start();
    return decider;
  }

  async start(): Promise<void> {
    const args = ['--conditions=outlast-source', '--import', './tests/support/kill-points.ts'];
    const child = spawn(
      process.execPath,
      [...args, 'tests/crash/fixtures/decider.ts', this.#databaseUrl, this.#agentsDir],
      { cwd: ROOT, env: { PATH: process.env['PATH'] ?? '', OUTLAST_DATA_DIR: this.dataDir } },
    );
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    child.stdin.on('error', () => undefined);
    child.once('exit', () => {
      for (const answer of this.#waiting.splice(0)) answer(undefined);
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.#waiting.shift()?.(JSON.parse(line)));
    if ((await this.#answer()) === undefined) throw new Error(`It ended at once\n${this.#errors}`);
  }

  /** @returns undefined when the process ended before it answered */
  async decide(approvalId: string, request: DecisionRequest): Promise<DecisionAnswer | undefined> {
    this.#child?.stdin?.write(`${JSON.stringify({ approvalId, request })}\n`);
    return (await this.#answer()) as DecisionAnswer | undefined;
  }

  log(): string {
    return this.#errors;
  }

  /** Resolves when the process is gone. */
  async exited(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null)
      await once(child, 'exit');
  }

  async dispose(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.exited();
    await removeTestFolder(this.dataDir);
  }

  #answer(): Promise<object | undefined> {
    return new Promise((resolve) => {
      const child = this.#child;
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) resolve(undefined);
      else this.#waiting.push(resolve);
    });
  }
}
