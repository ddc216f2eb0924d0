import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '../cluster/cluster.ts';
import type { Exit, ServerProcess } from '../cluster/server-process.ts';
import type { Load } from '../load/load.ts';
import { findRunning, type RunningExecution, runningIn } from './open-work.ts';
import type { FaultKind, PlannedFault } from './plan.ts';

/** Work to hit is waited for so long; then it has to do without. */
const OPEN_WORK_WITHIN_MS = 10_000;
/** A cluster that does not come back by then never does. */
const RECOVERED_WITHIN_MS = 60_000;
/**
 * An execution under which workers died so often in a row is left alone until it has got on: after five it counts
 * as what kills them, and fails.
 */
const MOST_DEATHS = 2;
const FROZEN_AT_MOST_MS = 8000;
/** A process that has lost its lease, or was told to end, is gone by then. */
const GONE_WITHIN_MS = 15_000;

/** A fault that has happened. */
export interface Fault {
  no: number;
  kind: FaultKind;
  /** By the monotonic clock of this process. */
  at: number;
  /** Which server was hit; undefined for faults that hit the database or readers. */
  server: string | undefined;
  isIsolated: boolean;
  /** A turn or tool was open where it hit. */
  hadOpenWork: boolean;
  /** What ran on the server that was hit, with the attempt that lost it. */
  running: readonly { executionId: string; attempt: number }[];
}

/** What a process did that it should not, or that has to be told. */
export interface Conduct {
  faults: Fault[];
  /** Ends of processes that no fault explains, wrong exit codes, and what went on without its lease. */
  misconduct: string[];
  /** Frozen processes whose lease nobody took: they rightly go on. */
  keptLease: number;
  /** Frozen processes that found their lease gone. */
  lostLease: number;
  /** Processes that lost their lease though nobody had frozen them: a busy machine. */
  starved: number;
}

/** Makes the planned faults happen, one after the other, and starts again what has ended. */
export class FaultInjector {
  readonly conduct: Conduct = { faults: [], misconduct: [], keptLease: 0, lostLease: 0, starved: 0 };
  readonly #cluster: Cluster;
  readonly #load: Load;
  readonly #leaseMs: number;
  readonly #closing = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  /** Faults whose server has ended by them. */
  readonly #answered = new WeakSet<Fault>();

  constructor(cluster: Cluster, load: Load, leaseMs: number) {
    this.#cluster = cluster;
    this.#load = load;
    this.#leaseMs = leaseMs;
    for (const server of cluster.servers) this.#supervise(server);
  }

  /** Goes through the plan until `isOver`. Resolves when every server is up again. */
  async run(plan: Iterator<PlannedFault, never>, isOver: (faults: number) => boolean): Promise<void> {
    while (!isOver(this.conduct.faults.length)) {
      const planned = plan.next().value;
      await delay(planned.afterMs);
      await this.#strike(planned);
    }
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Starts nothing again from now on. */
  close(): void {
    this.#closing.abort();
  }

  async #strike(planned: PlannedFault): Promise<void> {
    switch (planned.kind) {
      case 'SIGKILL':
      case 'SIGSTOP':
      case 'SIGTERM':
        return this.#strikeServer(planned);
      case 'terminate-backends':
        await this.#note(planned);
        return this.#terminateBackends(planned);
      case 'cut-readers':
        await this.#note(planned);
        for (const [i, reader] of this.#load.reading.entries()) {
          if ((i * 0.618 + planned.choice) % 1 < 0.2 + planned.extent * 0.8) reader.cut();
        }
        return;
      case 'postgres-fast':
      case 'postgres-immediate':
        await this.#note(planned);
        return this.#cluster.database.restart(planned.kind === 'postgres-fast' ? 'fast' : 'immediate');
    }
  }

  async #strikeServer(planned: PlannedFault): Promise<void> {
    const { server, running } = await this.#findVictim(planned.choice);
    // While nobody was looking it may have ended by itself.
    if (server.state !== 'up') return;
    server.state = 'leaving';
    server.signal(planned.kind as NodeJS.Signals);
    this.#record(planned, running, server);
    if (planned.kind === 'SIGSTOP') this.#track(this.#thaw(server, planned.extent));
    if (planned.kind === 'SIGTERM') this.#track(this.#expectGone(server));
  }

  /** A server with a turn or tool open, picked among those that are up. One more is left to take over. */
  async #findVictim(choice: number): Promise<{ server: ServerProcess; running: RunningExecution[] }> {
    return this.#waitFor((running, isLate) => {
      const { up, servers } = this.#cluster;
      const candidates = up
        .map((server) => ({ server, running: runningIn(running, server.identity) }))
        .filter((found) => isLate || found.running.some(({ isOpen }) => isOpen))
        .filter((found) => found.running.every(({ deaths }) => deaths <= MOST_DEATHS));
      return up.length > 1 || servers.length === 1
        ? candidates[Math.floor(choice * candidates.length)]
        : undefined;
    });
  }

  /** For faults that hit everybody. */
  async #note(planned: PlannedFault): Promise<void> {
    const running = await this.#waitFor((found, isLate) =>
      isLate || found.some(({ isOpen }) => isOpen) ? found : undefined,
    );
    this.#record(planned, running, undefined);
  }

  async #waitFor<T>(look: (running: RunningExecution[], isLate: boolean) => T | undefined): Promise<T> {
    const since = performance.now();
    for (;;) {
      const running = await findRunning(this.#cluster.database);
      const waitedMs = performance.now() - since;
      const found = look(running, waitedMs > OPEN_WORK_WITHIN_MS);
      if (found !== undefined) return found;
      if (waitedMs > RECOVERED_WITHIN_MS) throw new Error('The cluster does not recover');
      await delay(10);
    }
  }

  #record(
    { no, kind }: PlannedFault,
    running: readonly RunningExecution[],
    server: ServerProcess | undefined,
  ): void {
    this.conduct.faults.push({
      no,
      kind,
      at: performance.now(),
      server: server?.options.name,
      isIsolated: server?.options.isIsolated ?? false,
      hadOpenWork: running.some(({ isOpen }) => isOpen),
      running: running.map(({ executionId, attempt }) => ({ executionId, attempt })),
    });
  }

  /** Frozen for longer than its lease, and if need be until somebody has taken that; then it may go on. */
  async #thaw(server: ServerProcess, extent: number): Promise<void> {
    const { identity } = server;
    const thawAt = performance.now() + FROZEN_AT_MOST_MS;
    await delay(this.#leaseMs * (1.1 + extent * 0.5));
    let hasLease = true;
    while (hasLease && performance.now() < thawAt) {
      hasLease = await this.#hasLease(identity);
      if (hasLease) await delay(50);
    }
    server.signal('SIGCONT');
    if (!hasLease) return this.#expectGone(server);
    this.conduct.keptLease += 1;
    if (server.state === 'leaving') server.state = 'up';
  }

  async #hasLease(identity: ServerProcess['identity']): Promise<boolean> {
    const rows = await this.#cluster.database.ask(
      'SELECT 1 FROM outlast.workers WHERE pid_namespace = $1 AND process_start = $2 AND pid = $3',
      [identity?.pidNamespace, identity?.processStart, identity?.innerPid],
    );
    return rows.length > 0;
  }

  async #expectGone(server: ServerProcess): Promise<void> {
    const { starts } = server;
    const deadline = performance.now() + GONE_WITHIN_MS;
    while (server.state === 'leaving' && server.starts === starts) {
      if (performance.now() > deadline) {
        this.conduct.misconduct.push(`${server.options.name} should have ended and did not`);
        server.signal('SIGKILL');
        return;
      }
      await delay(20);
    }
  }

  async #terminateBackends({ choice, extent }: PlannedFault): Promise<void> {
    await this.#cluster.database.askOnce(
      `SELECT pg_terminate_backend(pid) FROM
         (SELECT pid, row_number() OVER (ORDER BY pid) AS no, count(*) OVER () AS n
          FROM pg_stat_activity WHERE application_name LIKE 'outlast%') AS backends
       WHERE (no * 0.618 + $1) % 1 < 0.1 + $2 * 0.9`,
      [choice, extent],
    );
  }

  /** Starts the server again whenever its process ends, until the run is over. */
  #supervise(server: ServerProcess): void {
    const watch = async () => {
      while (!this.#closing.signal.aborted) {
        const exit = await server.exited();
        if (this.#closing.signal.aborted) return;
        const restart = this.#restart(server, exit);
        this.#track(restart);
        await restart;
      }
    };
    void watch();
  }

  async #restart(server: ServerProcess, exit: Exit): Promise<void> {
    await this.#judge(server, exit);
    await server.startUntilUp(this.#closing.signal);
  }

  /** Every end of a process is explained: by the fault that hit it last, or by a lease that it has lost. */
  async #judge(server: ServerProcess, { code, signal }: Exit): Promise<void> {
    const fault = this.conduct.faults.findLast((one) => one.server === server.options.name);
    const kind = fault === undefined || this.#answered.has(fault) ? undefined : fault.kind;
    if (fault !== undefined) this.#answered.add(fault);
    // Some versions of unshare end with 1 when what they wrap is killed.
    if (kind === 'SIGKILL' && (signal === 'SIGKILL' || server.options.isIsolated)) return;
    if (kind === 'SIGTERM' && code === 0) return;
    const hasLostLease = code === 1 && (await server.lastWords()).includes('worker.lease-lost');
    if (hasLostLease && kind === 'SIGSTOP') this.conduct.lostLease += 1;
    else if (hasLostLease && kind === undefined) this.conduct.starved += 1;
    else {
      this.conduct.misconduct.push(
        `${server.options.name} ended with ${code ?? signal} after ${kind ?? 'nothing'}`,
      );
    }
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }
}
