import { isDeepStrictEqual } from 'node:util';
import type { Asked } from './curl.ts';
import type { Evidence } from './evidence.ts';
import { holds, type Proof, proveLog } from './proofs.ts';
import type { Reader } from './reader.ts';

export interface TimelineEntry {
  kind: string;
  status: string;
  detail: Record<string, unknown>;
}

/** What a person decided. */
export interface Decision {
  readonly approvalId: string;
  readonly asked: unknown;
  readonly edited: unknown;
  readonly decidedBy: string | null;
}

/** Holds what is stored against what is promised of a decision, and of one who comes second. */
export async function proveApproval(
  evidence: Evidence,
  reader: Reader,
  { approvalId, asked, edited, decidedBy, second }: Decision & { second: Asked },
  timeline: readonly TimelineEntry[],
): Promise<Proof[]> {
  const { log, effects } = evidence;
  const inputs = log.flatMap(({ chunk }) => (chunk.type === 'tool-input-available' ? [chunk.input] : []));
  const decided = timeline.find(({ detail }) => detail['approvalId'] === approvalId);
  const ran = timeline.find(({ kind }) => kind === 'tool');
  const detail = ran?.detail ?? {};
  return [
    ...(await proveLog(evidence, reader)),
    holds(
      `the tool took effect once, with the edited amount (effects.jsonl): ${JSON.stringify(effects[0])}`,
      effects.length === 1 && isDeepStrictEqual(effects[0]?.input, edited),
      effects,
    ),
    holds(
      'the log shows both: the input that the model gave, and the one that ran',
      isDeepStrictEqual(inputs, [asked, edited]),
      inputs,
    ),
    holds(
      `the timeline says who edited: ${String(detail['editedBy'])}, from ${JSON.stringify(detail['from'])} to ${JSON.stringify(detail['to'])}`,
      decidedBy !== null &&
        decided?.status === 'approved' &&
        isDeepStrictEqual([detail['editedBy'], detail['from'], detail['to']], [decidedBy, asked, edited]),
      timeline,
    ),
    holds(
      'the first decision won: a second one was refused (409 already-decided)',
      second.status === 409 && (second.body as { code?: string }).code === 'already-decided',
      second,
    ),
  ];
}
