import type { UIMessageChunk } from 'ai';
import { readEvents } from '../sse/read-events.ts';

const WARM_UP = 20;
const MEASURED = 100;

/** Milliseconds from the sending of an approval. */
export interface Decided {
  /** Until its answer came. */
  readonly answered: number;
  /** Until a reader of the execution had the output of the tool, which ran because of it. */
  readonly output: number;
}

/** Approves some of these executions, spread evenly, one after the other is through. */
export async function decideOneByOne(url: string, executionIds: readonly string[]): Promise<Decided[]> {
  const count = Math.min(WARM_UP + MEASURED, executionIds.length);
  const decided: Decided[] = [];
  for (let i = 0; i < count; i++) {
    const id = executionIds[Math.floor((i * executionIds.length) / count)] ?? '';
    decided.push(await decideOne(url, id));
  }
  return decided.slice(WARM_UP);
}

/** With a reader who was there before, and stays to the end. */
async function decideOne(url: string, id: string): Promise<Decided> {
  const stream = await fetch(`${url}/executions/${id}/stream`);
  let startedAt = 0;
  let outputAt = 0;
  let answeredAt: Promise<number> | undefined;
  for await (const { data } of readEvents(stream)) {
    const now = performance.now();
    if (data === '[DONE]') break;
    const chunk = JSON.parse(data) as UIMessageChunk;
    if (chunk.type === 'tool-output-available') outputAt = now;
    if (chunk.type !== 'tool-approval-request') continue;
    startedAt = now;
    answeredAt = approve(`${url}/executions/${id}/approvals/${chunk.toolCallId}`);
  }
  if (answeredAt === undefined || outputAt === 0) throw new Error(`The tool of ${id} gave nothing back`);
  return { answered: (await answeredAt) - startedAt, output: outputAt - startedAt };
}

/** @returns when the answer was there */
async function approve(url: string): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: '{"approved": true}' });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url}: ${response.status} ${text}`);
  return performance.now();
}
