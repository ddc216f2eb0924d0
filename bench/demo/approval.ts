/**
 * `npm run demo:approval`: an agent asks for a refund, and the server is killed while it waits for a person. Days
 * could pass. The person corrects the amount, the execution goes on, and exactly that is paid, once. Then everything
 * that was promised is checked. Exits with 1 if a promise was broken.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { UIMessageChunk } from 'ai';
import { curl, curlFor } from './curl.ts';
import { type Execution, gather } from './evidence.ts';
import type { Proof } from './proofs.ts';
import { type Decision, proveApproval, type TimelineEntry } from './prove-approval.ts';
import { Reader } from './reader.ts';
import { show } from './show.ts';
import { playDemo, type Stage, seconds } from './stage.ts';

interface Approval {
  id: string;
  toolName: string;
  input: unknown;
  inputHash: string;
  risk: string;
  decidedBy: string | null;
  context: { lastUserMessage: string; textSoFar: string };
}

const SCRIPT = `say The customer wants his money back for the broken lamp.
call refund_order {"orderId": "42", "amount": 499}
---
say The refund is on its way.`;
const EDITED = { orderId: '42', amount: 49.9 };
const REASON = 'The lamp cost 49.90, not 499.';
const DOWN_MS = 1000;

await playDemo('Outlast: an approval that outlasts its server', play);

async function play(stage: Stage): Promise<Proof[]> {
  const { screen, server, end } = stage;
  const request = { agentId: 'operator', input: SCRIPT };
  const { execution } = await curlFor<{ execution: Execution }>(stage, 202, '/executions', request);
  const path = `/executions/${execution.id}`;
  const reader = new Reader(`${server.url}${path}/stream`, (cursor) =>
    screen.line(`» reader is back with Last-Event-ID: ${cursor}`, 'cyan'),
  );
  screen.line(`» execution ${execution.id} accepted; reading its stream`, 'cyan');
  screen.line(`$ curl -sN ${server.url}${path}/stream`, 'bold');
  let story: Promise<Decision> | undefined;
  for await (const row of reader.read(end.signal)) {
    const chunk = JSON.parse(row.data) as UIMessageChunk;
    if (story !== undefined && chunk.type === 'tool-input-available')
      screen.sayLine(`→ to run with ${JSON.stringify(chunk.input)} instead`, 'yellow');
    else show(screen, chunk);
    if (chunk.type !== 'tool-approval-request') continue;
    // Not awaited here: the reader reads on, and knows nothing of it.
    story = decideAfterCrash(stage, execution, reader);
    story.catch((error: unknown) => end.abort(error));
  }
  if (story === undefined) throw new Error('The agent asked nobody');
  const decision = await story;
  screen.line();
  const second = await curl(stage, `/approvals/${decision.approvalId}/decision`, { decision: 'deny' });
  const timeline = await curlFor<{ data: TimelineEntry[] }>(stage, 200, `${path}/timeline`);
  return proveApproval(await gather(server, execution), reader, { ...decision, second }, timeline.data);
}

/** Kills the server while the execution waits, and decides when it is there again. */
async function decideAfterCrash(stage: Stage, { id }: Execution, reader: Reader): Promise<Decision> {
  const { screen } = stage;
  const { status } = await curlFor<Execution>(stage, 200, `/executions/${id}/wait`);
  screen.line(`» status ${status}: it waits for a person, and costs rows in Postgres, nothing else`, 'cyan');
  await showPending(stage, id);
  await crash(stage, reader);
  const approval = await showPending(stage, id);
  const body = { decision: 'approve', input: EDITED, reason: REASON, inputHash: approval.inputHash };
  const path = `/approvals/${approval.id}/decision`;
  const { decidedBy } = await curlFor<Approval>(stage, 200, path, body);
  screen.line(`» approved by ${decidedBy}, with another amount; the log goes on`, 'cyan');
  return { approvalId: approval.id, asked: approval.input, edited: EDITED, decidedBy };
}

async function showPending(stage: Stage, executionId: string): Promise<Approval> {
  const { data } = await curlFor<{ data: Approval[] }>(stage, 200, `/approvals?executionId=${executionId}`);
  const [approval] = data;
  if (approval === undefined || data.length > 1) throw new Error(`${data.length} approvals are pending`);
  const { toolName, input, risk, context } = approval;
  stage.screen.line(`  pending: ${toolName} ${JSON.stringify(input)}, risk ${risk}`, 'yellow');
  stage.screen.line(`  the agent said: ${context.textSoFar.trim()}`, 'dim');
  return approval;
}

async function crash({ screen, server, end }: Stage, reader: Reader): Promise<void> {
  const { pid } = server;
  const before = reader.connections;
  await server.kill();
  screen.line(`✗ kill -9 ${pid}: the server is gone, the reader has seq 1 to ${reader.cursor}`, 'red');
  await delay(DOWN_MS, undefined, { signal: end.signal });
  const ms = await server.start();
  screen.line(`» server started again in ${seconds(ms)}, pid ${server.pid}`, 'cyan');
  while (reader.connections === before) await delay(20, undefined, { signal: end.signal });
}
