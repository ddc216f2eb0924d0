import type { Execution } from './evidence.ts';
import type { Proof } from './proofs.ts';
import { Screen } from './screen.ts';
import { DemoServer } from './server.ts';

/** What a demo plays on. */
export interface Stage {
  readonly screen: Screen;
  readonly server: DemoServer;
  /** Ends the play: too late, stopped by hand, or something went wrong beside it. */
  readonly end: AbortController;
}

const DEADLINE_MS = 90_000;

/** Plays a demo on a server of its own, says what was proved, and sets the exit code: 1 if a promise was broken. */
export async function playDemo(title: string, play: (stage: Stage) => Promise<Proof[]>): Promise<void> {
  const screen = new Screen(process.stdout);
  const server = await DemoServer.create();
  const end = new AbortController();
  const isStopped = () => end.signal.aborted && (end.signal.reason as Error).message === 'Stopped';
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => end.abort(new Error('Stopped')));
  const deadline = setTimeout(() => end.abort(new Error('The demo took too long')), DEADLINE_MS);
  try {
    screen.line(title, 'bold');
    screen.line('A scripted demo model answers here: no AI, no key, no network.', 'dim');
    screen.line();
    const ms = await server.start();
    screen.line(
      `» server started in ${seconds(ms)}, pid ${server.pid}, with a Postgres of its own, at ${server.url}`,
      'cyan',
    );
    process.exitCode = report(screen, await play({ screen, server, end })) ? 0 : 1;
  } catch (error) {
    screen.line();
    screen.line(end.signal.aborted ? (end.signal.reason as Error).message : String(error), 'red');
    if (!isStopped()) process.stderr.write(`${server.log.slice(-4000)}\n`);
    process.exitCode = isStopped() ? 130 : 1;
  } finally {
    clearTimeout(deadline);
    await server.dispose();
  }
}

export async function startExecution({ server }: Stage, body: object): Promise<Execution> {
  const response = await fetch(`${server.url}/executions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`);
  return ((await response.json()) as { execution: Execution }).execution;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function report(screen: Screen, proofs: readonly Proof[]): boolean {
  screen.line();
  screen.line('What was promised, checked against what is stored:', 'bold');
  for (const { claim, holds, found } of proofs) {
    screen.line(`${holds ? '✓' : '✗'} ${claim}`, holds ? 'green' : 'red');
    if (!holds) screen.line(`    found: ${JSON.stringify(found)}`);
  }
  return proofs.every((proof) => proof.holds);
}
