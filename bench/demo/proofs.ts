import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai';
import { Reader, type Row } from './reader.ts';

/** Something that was promised, and whether it held. */
export interface Proof {
  readonly claim: string;
  readonly holds: boolean;
  /** What was found, when it did not. */
  readonly found?: unknown;
}

interface LoggedChunk {
  seq: number;
  attempt: number;
  chunk: UIMessageChunk;
}

interface Evidence {
  log: LoggedChunk[];
  fromStart: Row[];
  messages: UIMessage[];
  effects: { tool: string; idempotencyKey: string; attempt: number }[];
}

const FINAL = new Set(['finish', 'abort', 'error']);

/** Holds what the server has stored, and what the reader got, against each promise. */
export async function prove(
  server: { url: string; dataDir: string },
  execution: { id: string; threadId: string; messageId: string },
  reader: Reader,
): Promise<Proof[]> {
  const evidence = await gather(server, execution);
  const { log, fromStart, messages, effects } = evidence;
  const seqs = log.map((row) => row.seq);
  const attempts = [...new Set(log.map((row) => row.attempt))];
  const finals = log.filter((row) => FINAL.has(row.chunk.type)).map((row) => row.seq);
  const folded = await fold(log.map((row) => row.chunk));
  const answers = messages.filter((message) => message.role === 'assistant');
  const reports = effects.filter((effect) => effect.tool === 'slow_report');
  const resets = log.filter((row) => row.chunk.type === 'reset-step').length;
  return [
    holds(
      `the log has seq 1 to ${seqs.length} without a gap, written by attempts ${attempts.join(', ')}`,
      isCounted(seqs),
      seqs,
    ),
    holds(
      `the reader got each of them exactly once, in order, over ${reader.connections} connections`,
      isDeepStrictEqual(
        reader.rows.map((row) => row.seq),
        seqs,
      ),
      reader.rows.map((row) => row.seq),
    ),
    holds(
      'byte for byte what a reader gets who comes now and reads from the start',
      isDeepStrictEqual(reader.rows, fromStart),
    ),
    holds('exactly one final row, and it is the last', isDeepStrictEqual(finals, [seqs.length]), finals),
    holds(
      `${resets} reset-step rows: each crash superseded half a turn, and nothing else`,
      resets === 2,
      resets,
    ),
    holds(
      'the log folds (readUIMessageStream of the AI SDK) to exactly the one message that is stored',
      answers.length === 1 && isSame(folded, answers[0]),
      { folded, answers },
    ),
    holds('the tool took effect once (effects.jsonl)', reports.length === 1, reports),
  ];
}

function holds(claim: string, isSo: boolean, found?: unknown): Proof {
  return { claim, holds: isSo, found };
}

async function gather(
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
      .map((line) => JSON.parse(line) as Evidence['effects'][number]),
  };
}

async function readLog(url: string, id: string): Promise<LoggedChunk[]> {
  const log: LoggedChunk[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page: { data: LoggedChunk[]; nextAfter: number | null } = await getJson(
      `${url}/executions/${id}/chunks?limit=1000&after=${after}`,
    );
    log.push(...page.data);
    after = page.data.length === 0 ? null : page.nextAfter;
  }
  return log;
}

/** The message that stock AI SDK code makes of the rows. */
async function fold(chunks: readonly UIMessageChunk[]): Promise<UIMessage | undefined> {
  const stream = new ReadableStream<UIMessageChunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  let message: UIMessage | undefined;
  for await (const state of readUIMessageStream({ stream, terminateOnError: true })) message = state;
  return message;
}

/** The server adds to the metadata what it knows of the message. */
function isSame(folded: UIMessage | undefined, stored: UIMessage | undefined): boolean {
  const plain = (message: UIMessage | undefined): unknown =>
    message &&
    (JSON.parse(JSON.stringify({ id: message.id, role: message.role, parts: message.parts })) as unknown);
  return folded !== undefined && isDeepStrictEqual(plain(folded), plain(stored));
}

function isCounted(seqs: readonly number[]): boolean {
  return seqs.length > 0 && seqs.every((seq, i) => seq === i + 1);
}

export async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`GET ${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
