/**
 * `npm run demo`: the product's story, played in a terminal. A server is killed twice while an agent answers; the
 * reader goes on where it was; then everything that was promised is checked. Exits with 1 if a promise was broken.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { UIMessageChunk } from 'ai';
import { getJson, prove } from './proofs.ts';
import { Reader } from './reader.ts';
import { Screen } from './screen.ts';
import { DemoServer } from './server.ts';

interface Execution {
  id: string;
  threadId: string;
  messageId: string;
  attempt: number;
}

const SCRIPT = `think I look the order up, and have the report written at the same time.
say Let me see where your order is.
stream 36 60
call slow_report {"seconds": 2, "name": "order 42"}
call lookup_order {"orderId": "42"}
---
say The lamp was delivered, and the report has three pages.
stream 36 60`;
/** Words of a turn after which the server is killed: amid the paced ones, seconds away from the tools. */
const KILL_AFTER_WORDS = 14;
const DEADLINE_MS = 90_000;

const screen = new Screen(process.stdout);
const server = await DemoServer.create();
const end = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => end.abort(new Error('Stopped')));
const deadline = setTimeout(() => end.abort(new Error('The demo took too long')), DEADLINE_MS);
try {
  process.exitCode = (await play()) ? 0 : 1;
} catch (error) {
  screen.line();
  screen.line(end.signal.aborted ? (end.signal.reason as Error).message : String(error), 'red');
  if (process.exitCode === undefined && !isStopped()) process.stderr.write(`${server.log.slice(-4000)}\n`);
  process.exitCode = isStopped() ? 130 : 1;
} finally {
  clearTimeout(deadline);
  await server.dispose();
}

function isStopped(): boolean {
  return end.signal.aborted && (end.signal.reason as Error).message === 'Stopped';
}

async function play(): Promise<boolean> {
  screen.line('Outlast: an agent that outlasts its server', 'bold');
  screen.line('A scripted demo model answers here: no AI, no key, no network.', 'dim');
  screen.line();
  const ms = await server.start();
  screen.line(
    `» server started in ${seconds(ms)}, pid ${server.pid}, with a Postgres of its own, at ${server.url}`,
    'cyan',
  );
  const execution = await begin();
  screen.line(`» execution ${execution.id} accepted; reading its stream`, 'cyan');
  const reader = new Reader(`${server.url}/executions/${execution.id}/stream`, (cursor) =>
    screen.line(`» reader is back with Last-Event-ID: ${cursor}`, 'cyan'),
  );
  await watch(execution, reader);
  return report(execution, reader);
}

async function begin(): Promise<Execution> {
  const response = await fetch(`${server.url}/executions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ agentId: 'operator', input: SCRIPT }),
  });
  if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`);
  return ((await response.json()) as { execution: Execution }).execution;
}

/** Shows the stream, and kills the server once in the words of each turn. */
async function watch(execution: Execution, reader: Reader): Promise<void> {
  const killedIn = new Set<number>();
  let turn = 0;
  let words = 0;
  let restart = Promise.resolve();
  for await (const row of reader.read(end.signal)) {
    const chunk = JSON.parse(row.data) as UIMessageChunk;
    if (chunk.type === 'start-step') turn += 1;
    if (chunk.type === 'start-step' || chunk.type === 'reset-step') words = 0;
    if (chunk.type === 'reset-step') await showTakeover(execution.id);
    show(chunk);
    if (chunk.type !== 'text-delta') continue;
    words += chunk.delta.match(/\bw\d+/g)?.length ?? 0;
    if (words < KILL_AFTER_WORDS || killedIn.has(turn)) continue;
    killedIn.add(turn);
    restart = crash(reader);
    restart.catch((error: unknown) => end.abort(error));
  }
  await restart;
}

/** Not awaited by the reader, which has to find out by itself. */
async function crash(reader: Reader): Promise<void> {
  const { pid } = server;
  await server.kill();
  screen.line(
    `✗ kill -9 ${pid}: the server is gone in mid-sentence, the reader has seq 1 to ${reader.cursor}`,
    'red',
  );
  await delay(700, undefined, { signal: end.signal });
  const ms = await server.start();
  screen.line(`» server started again in ${seconds(ms)}, pid ${server.pid}`, 'cyan');
}

async function showTakeover(executionId: string): Promise<void> {
  const { attempt } = await getJson<Execution>(`${server.url}/executions/${executionId}`);
  screen.supersede();
  screen.line(
    `» attempt ${attempt} took the execution over and writes this turn again (reset-step)`,
    'yellow',
  );
}

function show(chunk: UIMessageChunk): void {
  switch (chunk.type) {
    case 'start-step':
      screen.beginTurn();
      break;
    case 'reasoning-delta':
      screen.say(chunk.delta, 'dim');
      break;
    case 'text-delta':
      screen.say(chunk.delta);
      break;
    case 'reasoning-end':
      screen.say('\n');
      break;
    case 'text-end':
      screen.say(' ');
      break;
    case 'tool-input-available':
      screen.sayLine(`→ calls ${chunk.toolName} ${JSON.stringify(chunk.input)}`, 'yellow');
      break;
    case 'tool-output-available':
      screen.sayLine(`← result ${JSON.stringify(chunk.output)}`, 'yellow');
      break;
    default:
  }
}

async function report(execution: Execution, reader: Reader): Promise<boolean> {
  screen.line();
  screen.line('What was promised, checked against what is stored:', 'bold');
  const proofs = await prove(server, execution, reader);
  for (const { claim, holds, found } of proofs) {
    screen.line(`${holds ? '✓' : '✗'} ${claim}`, holds ? 'green' : 'red');
    if (!holds) screen.line(`    found: ${JSON.stringify(found)}`);
  }
  return proofs.every((proof) => proof.holds);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
