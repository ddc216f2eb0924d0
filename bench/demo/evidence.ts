import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { UIMessage, UIMessageChunk } from 'ai';
import { Reader, type Row } from './reader.ts';

/** The execution that a demo is about. */
export interface Execution {
  id: string;
  threadId: string;
  messageId: string;
  status: string;
  attempt: number;
}

/** What a tool did to the world: a line of effects.jsonl. */
export interface Effect {
  tool: string;
  input: Record<string, unknown>;
  idempotencyKey: string;
  attempt: number;
}

/** What is left of an execution that is over. */
export interface Evidence {
  log: { seq: number; attempt: number; chunk: UIMessageChunk }[];
  /** As one gets it who comes now. */
  fromStart: Row[];
  messages: UIMessage[];
  effects: Effect[];
}

export async function gather(
  { url, dataDir }: { url: string; dataDir: string },
  { id, threadId }: { id: string; threadId: string },
): Promise<Evidence> {
  const again = new Reader(`${url}/executions/${id}/stream`);
  for await (const _ of again.read(new AbortController().signal));
  const effects = await readFile(join(dataDir, 'effects.jsonl'), 'utf8');
  return {
    log: await readLog(url, id),
    fromStart: again.rows,
    messages: (await getJson<{ data: UIMessage[] }>(`${url}/threads/${threadId}/messages`)).data,
    effects: effects
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Effect),
  };
}

async function readLog(url: string, id: string): Promise<Evidence['log']> {
  const log: Evidence['log'] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page: { data: Evidence['log']; nextAfter: number | null } = await getJson(
      `${url}/executions/${id}/chunks?limit=1000&after=${after}`,
    );
    log.push(...page.data);
    after = page.data.length === 0 ? null : page.nextAfter;
  }
  return log;
}

export async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`GET ${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
