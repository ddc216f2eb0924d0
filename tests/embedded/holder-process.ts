import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../support/wait-for.ts';

const FIXTURE = fileURLToPath(new URL('./fixtures/holder.ts', import.meta.url));

interface Report {
  logged?: string;
  released?: boolean;
  opened?: { url: string; dataDir: string; notice: string | null };
}

/** A process that holds an embedded Postgres, as a server does. */
export class HolderProcess {
  readonly reports: Report[] = [];
  private readonly child: ChildProcess;
  private stderr = '';

  constructor(dataDir: string) {
    // In a process group of its own, as in a terminal, so that the whole group can be killed.
    this.child = spawn(process.execPath, [FIXTURE, dataDir], { stdio: 'pipe', detached: true });
    this.child.stderr?.on('data', (data) => {
      this.stderr += data;
    });
    if (this.child.stdout) {
      createInterface({ input: this.child.stdout }).on('line', (line) => this.reports.push(JSON.parse(line)));
    }
  }

  get logged(): string[] {
    return this.reports.flatMap((report) => report.logged ?? []);
  }

  async opened(): Promise<NonNullable<Report['opened']>> {
    const report = await this.reported(
      (candidate) => candidate.opened !== undefined,
      'a process to open Postgres',
    );
    return report.opened as NonNullable<Report['opened']>;
  }

  async release(): Promise<void> {
    this.child.stdin?.write('release\n');
    await this.reported((candidate) => candidate.released === true, 'a process to release Postgres');
    await this.ended(() => this.child.stdin?.end());
  }

  /** SIGKILL to the process and everything in its process group. */
  async kill(): Promise<void> {
    await this.ended(() => process.kill(-(this.child.pid ?? 0), 'SIGKILL'));
  }

  private get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  private async ended(end: () => void): Promise<void> {
    if (!this.hasEnded) end();
    await waitFor(() => this.hasEnded, { describe: 'a process to end' });
  }

  private reported(wanted: (report: Report) => boolean, what: string): Promise<Report> {
    const probe = () => {
      const report = this.reports.find(wanted);
      if (!report && this.hasEnded) throw new Error(`The process has ended:\n${this.stderr}`);
      return report;
    };
    return waitFor(probe, { deadlineMs: 25_000, describe: () => `${what}\n${this.stderr}` });
  }
}
