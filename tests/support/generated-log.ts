import fc from 'fast-check';
import type { Chunk } from '../../src/chunks/chunk.ts';

/** Texts that have broken a wire or a column somewhere: quotes, controls, U+0000, lone surrogates, U+2028. */
export const awkwardText = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('\u0000', '\ud83d', '\ude00', '\u2028', '\n', '\r\n', '\\n', '"', '\u{1f600}', ''),
);

const metadata = fc.constantFrom(undefined, { demo: { signature: 'a' } }, { demo: { signature: 'b' } });
const deltas = fc.array(fc.tuple(awkwardText, metadata), { maxLength: 3 });

/** What happens to one part of a turn, before it has an id. */
type Part = (id: string) => { asked: Chunk[]; answered: Chunk[] };

const text: fc.Arbitrary<Part> = fc
  .tuple(fc.constantFrom('text' as const, 'reasoning' as const), deltas)
  .map(([kind, pieces]) => (id) => {
    const spoken = pieces.map(
      ([delta, providerMetadata]): Chunk => ({
        type: `${kind}-delta`,
        id,
        delta,
        ...(providerMetadata && { providerMetadata }),
      }),
    );
    return { asked: [{ type: `${kind}-start`, id }, ...spoken, { type: `${kind}-end`, id }], answered: [] };
  });

const other: fc.Arbitrary<Part> = fc.constantFrom<Part>(
  (id) => ({ asked: [{ type: 'source-url', sourceId: id, url: 'https://example.com' }], answered: [] }),
  (id) => ({ asked: [{ type: 'data-note', id, data: { n: 1 } }], answered: [] }),
);

const ANSWERS = {
  output: (toolCallId: string): Chunk[] => [{ type: 'tool-output-available', toolCallId, output: null }],
  preliminary: (toolCallId: string): Chunk[] => [
    { type: 'tool-output-available', toolCallId, output: 1, preliminary: true },
    { type: 'tool-output-available', toolCallId, output: 2 },
  ],
  error: (toolCallId: string): Chunk[] => [{ type: 'tool-output-error', toolCallId, errorText: 'no' }],
  approved: (toolCallId: string): Chunk[] => [
    { type: 'tool-approval-request', approvalId: `ask-${toolCallId}`, toolCallId },
    { type: 'tool-approval-response', approvalId: `ask-${toolCallId}`, approved: true },
    { type: 'tool-output-available', toolCallId, output: { ok: true } },
  ],
  failedAfterApproval: (toolCallId: string): Chunk[] => [
    { type: 'tool-approval-request', approvalId: `ask-${toolCallId}`, toolCallId },
    { type: 'tool-approval-response', approvalId: `ask-${toolCallId}`, approved: true },
    { type: 'tool-output-error', toolCallId, errorText: 'no' },
  ],
  denied: (toolCallId: string): Chunk[] => [
    { type: 'tool-approval-request', approvalId: `ask-${toolCallId}`, toolCallId },
    { type: 'tool-approval-response', approvalId: `ask-${toolCallId}`, approved: false, reason: 'no' },
    { type: 'tool-output-denied', toolCallId },
  ],
};

const call: fc.Arbitrary<Part> = fc
  .record({
    streamed: fc.boolean(),
    dynamic: fc.constantFrom(undefined, true),
    fate: fc.constantFrom('valid', 'valid', 'invalid', 'cut'),
    answer: fc.constantFrom(...Object.values(ANSWERS)),
  })
  .map(({ streamed, dynamic, fate, answer }) => (toolCallId) => {
    const named = { toolCallId, toolName: 'look', ...(dynamic && { dynamic }) };
    const asked: Chunk[] = [];
    if (streamed || fate === 'cut') {
      asked.push({ type: 'tool-input-start', ...named });
      for (const inputTextDelta of ['{"a"', ':', '1'])
        asked.push({ type: 'tool-input-delta', toolCallId, inputTextDelta });
    }
    if (fate === 'cut') return { asked, answered: [] };
    if (fate === 'valid') {
      asked.push({ type: 'tool-input-available', ...named, input: { a: 1 } });
      return { asked, answered: answer(toolCallId) };
    }
    asked.push({ type: 'tool-input-error', ...named, input: 'x', errorText: 'invalid' });
    return { asked, answered: [{ type: 'tool-output-error', toolCallId, errorText: 'invalid' }] };
  });

const parts = fc.array(fc.oneof(text, call, other), { maxLength: 4 });
const order = fc.array(fc.nat(7), { maxLength: 12 });
const attempt = fc.record({ parts, order, answerOrder: order });
const turn = fc.record({ tries: fc.array(fc.tuple(attempt, fc.nat(12)), { maxLength: 2 }), whole: attempt });

/** Logs as executions write them: several turns, tries that were cut and reset, calls side by side. */
export const generatedLog: fc.Arbitrary<Chunk[]> = fc
  .array(turn, { minLength: 1, maxLength: 3 })
  .map((turns) => {
    const log: Chunk[] = [{ type: 'start', messageId: 'm1', messageMetadata: { executionId: 'e1' } }];
    turns.forEach(({ tries, whole }, i) => {
      log.push({ type: 'start-step' });
      tries.forEach(([tried, length], j) => {
        log.push(...ask(tried, `t${i}x${j}`).asked.slice(0, length), { type: 'reset-step' });
      });
      const { asked, answered } = ask(whole, `t${i}`);
      log.push(...asked, { type: 'finish-step' }, ...answered);
    });
    return log;
  });

interface Attempt {
  parts: Part[];
  order: number[];
  answerOrder: number[];
}

function ask({ parts, order, answerOrder }: Attempt, prefix: string): { asked: Chunk[]; answered: Chunk[] } {
  const made = parts.map((part, i) => part(`${prefix}.${i}`));
  return {
    asked: sideBySide(
      made.map((part) => part.asked),
      order,
    ),
    answered: sideBySide(
      made.map((part) => part.answered),
      answerOrder,
    ),
  };
}

/** Mixes sequences and keeps the order of each. */
function sideBySide(sequences: Chunk[][], order: readonly number[]): Chunk[] {
  const left = sequences.map((sequence) => [...sequence]);
  const mixed: Chunk[] = [];
  for (let i = 0; ; i++) {
    const open = left.filter((sequence) => sequence.length > 0);
    if (open.length === 0) return mixed;
    mixed.push(open[(order[i] ?? 0) % open.length]?.shift() as Chunk);
  }
}
