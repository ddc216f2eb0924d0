/**
 * `npm run demo`: the product's story, played in a terminal. A server is killed twice while an agent answers; the
 * reader goes on where it was; then everything that was promised is checked. Exits with 1 if a promise was broken.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { UIMessageChunk } from 'ai';
import { type Execution, gather, getJson } from './evidence.ts';
import { holds, type Proof, proveLog } from './proofs.ts';
import { Reader } from './reader.ts';
import { show } from './show.ts';
import { playDemo, type Stage, seconds, startExecution } from './stage.ts';

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

await playDemo('Outlast: an agent that outlasts its server', play);

async function play(stage: Stage): Promise<Proof[]> {
  const { screen, server } = stage;
  const execution = await startExecution(stage, { agentId: 'operator', input: SCRIPT });
  screen.line(`» execution ${execution.id} accepted; reading its stream`, 'cyan');
  const reader = new Reader(`${server.url}/executions/${execution.id}/stream`, (cursor) =>
    screen.line(`» reader is back with Last-Event-ID: ${cursor}`, 'cyan'),
  );
  await watch(stage, execution, reader);
  return prove(stage, execution, reader);
}

/** Shows the stream, and kills the server once in the words of each turn. */
async function watch(stage: Stage, execution: Execution, reader: Reader): Promise<void> {
  const killedIn = new Set<number>();
  let turn = 0;
  let words = 0;
  let restart = Promise.resolve();
  for await (const row of reader.read(stage.end.signal)) {
    const chunk = JSON.parse(row.data) as UIMessageChunk;
    if (chunk.type === 'start-step') turn += 1;
    if (chunk.type === 'start-step' || chunk.type === 'reset-step') words = 0;
    if (chunk.type === 'reset-step') await showTakeover(stage, execution.id);
    show(stage.screen, chunk);
    if (chunk.type !== 'text-delta') continue;
    words += chunk.delta.match(/\bw\d+/g)?.length ?? 0;
    if (words < KILL_AFTER_WORDS || killedIn.has(turn)) continue;
    killedIn.add(turn);
    restart = crash(stage, reader);
    restart.catch((error: unknown) => stage.end.abort(error));
  }
  await restart;
}

/** Not awaited by the reader, which has to find out by itself. */
async function crash({ screen, server, end }: Stage, reader: Reader): Promise<void> {
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

async function showTakeover({ screen, server }: Stage, executionId: string): Promise<void> {
  const { attempt } = await getJson<Execution>(`${server.url}/executions/${executionId}`);
  screen.supersede();
  screen.line(
    `» attempt ${attempt} took the execution over and writes this turn again (reset-step)`,
    'yellow',
  );
}

async function prove({ server }: Stage, execution: Execution, reader: Reader): Promise<Proof[]> {
  const evidence = await gather(server, execution);
  const resets = evidence.log.filter((row) => row.chunk.type === 'reset-step').length;
  const reports = evidence.effects.filter((effect) => effect.tool === 'slow_report');
  return [
    ...(await proveLog(evidence, reader)),
    holds(
      `${resets} reset-step rows: each crash superseded half a turn, and nothing else`,
      resets === 2,
      resets,
    ),
    holds('the tool took effect once (effects.jsonl)', reports.length === 1, reports),
  ];
}
