import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Effect, getJson } from './evidence.ts';
import { holds, type Proof } from './proofs.ts';

const EVERY_MS = 5000;

export interface Firing {
  id: string;
  scheduledFor: string;
  status: string;
  reason: string | null;
  count: number;
  executionId: string | null;
  createdAt: string;
}

/** What a delivery was answered with. */
export interface Received {
  firingId?: string;
  executionId?: string | null;
  status?: unknown;
  code?: string;
}

interface Run {
  id: string;
  status: string;
  input: { parts: { text: string }[] };
}

/** Holds what is stored against what is promised of schedules and webhooks. */
export async function proveAutomations(
  { url, dataDir }: { url: string; dataDir: string },
  ids: { clock: string; hook: string },
  { before, again, forged }: Record<'before' | 'again' | 'forged', Received>,
): Promise<Proof[]> {
  const firingsOf = async (id: string) =>
    (await getJson<{ data: Firing[] }>(`${url}/automations/${id}/firings?limit=200`)).data.reverse();
  const runsOf = async (id: string) =>
    (await getJson<{ data: Run[] }>(`${url}/executions?automationId=${id}&limit=200`)).data.reverse();
  const [ticks, ticked] = [await firingsOf(ids.clock), await runsOf(ids.clock)];
  const [taken, ran] = [await firingsOf(ids.hook), await runsOf(ids.hook)];
  const effects = await readEffects(dataDir);
  const dues = ticks.flatMap(duesOf);
  const started = ticks.flatMap(({ executionId }) => (executionId === null ? [] : [executionId]));
  const late = Math.max(...ticks.filter(({ status }) => status === 'fired').map(latenessOf));
  return [
    holds(
      `each of ${dues.length} due times is written down once, also those that were missed`,
      isDeepStrictEqual(dues, steps(dues[0] ?? 0, dues.length)),
      ticks,
    ),
    holds(
      `each that fired (late by ${late} ms at most) started one execution, and all are completed`,
      isDeepStrictEqual(
        started,
        ticked.map(({ id }) => id),
      ) && ticked.every(({ status }) => status === 'completed'),
      ticked,
    ),
    holds(
      'what was accepted before the crash ran after it: one firing, one execution, completed',
      taken.length === 1 &&
        ran.length === 1 &&
        ran[0]?.id === before.executionId &&
        ran[0]?.status === 'completed',
      { taken, ran },
    ),
    holds(
      'the same delivery after the crash was answered with the same ids',
      before.firingId !== undefined && isDeepStrictEqual(before, again),
      { before, again },
    ),
    holds(
      'one that somebody else had signed was refused (401 bad-signature), and left nothing',
      forged.code === 'bad-signature',
      forged,
    ),
    holds(
      // A crash between the effect and its record makes an idempotent tool's call again, under the same key.
      `the email was sent under one key, and the refund that the customer's note asked for was not (effects.jsonl)`,
      new Set(effects.map(({ idempotencyKey }) => idempotencyKey)).size === 1 &&
        effects.every(({ tool, input }) => tool === 'send_email' && input['body'] === 'Order 1001'),
      effects,
    ),
    holds(
      'the note stands in a fence, marked as data',
      /<untrusted-data id="[0-9a-f]{16}">Thanks![^<]*<\/untrusted-data>/.test(
        ran[0]?.input.parts[0]?.text ?? '',
      ),
      ran[0]?.input,
    ),
  ];
}

/** The due times that a firing stands for. */
function duesOf({ scheduledFor, count }: Firing): number[] {
  return steps(Date.parse(scheduledFor), count);
}

function steps(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i * EVERY_MS);
}

function latenessOf({ scheduledFor, createdAt }: Firing): number {
  return Date.parse(createdAt) - Date.parse(scheduledFor);
}

async function readEffects(dataDir: string): Promise<Effect[]> {
  const text = await readFile(join(dataDir, 'effects.jsonl'), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Effect);
}
