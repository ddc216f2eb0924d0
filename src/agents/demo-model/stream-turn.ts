import type { LanguageModelV4StreamPart, LanguageModelV4Usage } from '@ai-sdk/provider';
import { brokenConnection, streamedError } from './failures.ts';
import { countWords } from './history.ts';
import type { Directive, Turn } from './parse-script.ts';
import { pause, untilAborted } from './pause.ts';

type Parts = AsyncGenerator<LanguageModelV4StreamPart, void>;

export interface StreamTurnOptions {
  /** The words of the prompt. */
  inputWords: number;
  /** The id of the turn's nth tool call, from 0. */
  toolCallId: (n: number) => string;
  signal: AbortSignal;
}

/** What has been streamed so far. */
interface Progress {
  blocks: number;
  openBlock: { type: 'text' | 'reasoning'; id: string } | null;
  calls: number;
  words: { text: number; reasoning: number };
}

/** How many deltas may leave in a row: words that came over a network would let other work run in between. */
const burst = 16;
const sliceLength = 16;
/** Time for what was streamed to be read, because an error makes a stream drop what is still in its queues. */
const beforeErrorMs = 5;

/**
 * Plays one turn. A text stays open until the next directive, so that a connection that dies, or hangs, does so
 * in the middle of it.
 */
export async function* streamTurn(turn: Turn, options: StreamTurnOptions): Parts {
  const progress: Progress = { blocks: 0, openBlock: null, calls: 0, words: { text: 0, reasoning: 0 } };
  yield { type: 'stream-start', warnings: [] };
  for (const directive of turn) {
    if (directive.kind === 'fail') return yield* fail(directive, turn, progress, options);
    if (directive.kind === 'hang') return await untilAborted(options.signal);
    yield* perform(directive, progress, options);
  }
  yield* finish(turn, progress, options.inputWords);
}

async function* perform(directive: Directive, progress: Progress, options: StreamTurnOptions): Parts {
  switch (directive.kind) {
    case 'say':
      return yield* block('text', wordsOf(directive.text), 0, progress, options.signal);
    case 'think':
      return yield* block('reasoning', wordsOf(directive.text), 0, progress, options.signal);
    case 'stream':
      if (directive.words === 0) return;
      return yield* block('text', numbered(directive.words), directive.everyMs, progress, options.signal);
    case 'call':
      yield* closeBlock(progress);
      yield* toolCall(options.toolCallId(progress.calls), directive.tool, directive.input, options.signal);
      progress.calls += 1;
      progress.words.text += countWords(directive.input);
      return;
    default:
    // `finish` and `usage` are read at the end of the turn, `fail` and `hang` end it before this.
  }
}

async function* block(
  type: 'text' | 'reasoning',
  words: Iterable<string>,
  everyMs: number,
  progress: Progress,
  signal: AbortSignal,
): Parts {
  yield* closeBlock(progress);
  // Like real providers, which number the blocks of a call and begin anew with the next.
  const id = String(progress.blocks++);
  progress.openBlock = { type, id };
  yield { type: `${type}-start`, id };
  const startedAt = performance.now();
  let n = 0;
  for (const delta of words) {
    await paced(n, startedAt + n * everyMs, everyMs, signal);
    yield { type: `${type}-delta`, id, delta };
    progress.words[type] += 1;
    n += 1;
  }
}

/** By the clock instead of word after word, so that late timers do not add up. */
async function paced(n: number, dueAt: number, everyMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const waitMs = everyMs > 0 ? dueAt - performance.now() : 0;
  if (waitMs > 0) await pause(waitMs, signal);
  else if (n % burst === burst - 1) await new Promise((resolve) => setImmediate(resolve));
}

function* closeBlock(progress: Progress): Generator<LanguageModelV4StreamPart, void> {
  if (progress.openBlock) yield { type: `${progress.openBlock.type}-end`, id: progress.openBlock.id };
  progress.openBlock = null;
}

async function* toolCall(id: string, toolName: string, input: string, signal: AbortSignal): Parts {
  yield { type: 'tool-input-start', id, toolName };
  for (let at = 0; at < input.length; at += sliceLength) {
    signal.throwIfAborted();
    yield { type: 'tool-input-delta', id, delta: input.slice(at, at + sliceLength) };
  }
  yield { type: 'tool-input-end', id };
  yield { type: 'tool-call', toolCallId: id, toolName, input };
}

async function* fail(
  { failure }: Extract<Directive, { kind: 'fail' }>,
  turn: Turn,
  progress: Progress,
  options: StreamTurnOptions,
): Parts {
  if (failure === 'interrupted') return;
  if (failure === 'cut') {
    await pause(beforeErrorMs, options.signal);
    throw brokenConnection();
  }
  yield { type: 'error', error: streamedError() };
  yield* finish([...turn, { kind: 'finish', reason: 'error' }], progress, options.inputWords);
}

function* finish(
  turn: Turn,
  progress: Progress,
  inputWords: number,
): Generator<LanguageModelV4StreamPart, void> {
  yield* closeBlock(progress);
  const asked = turn.findLast((directive) => directive.kind === 'finish');
  const unified = asked?.reason ?? (progress.calls > 0 ? 'tool-calls' : 'stop');
  yield {
    type: 'finish',
    finishReason: { unified, raw: unified },
    usage: usageOf(turn, progress, inputWords),
  };
}

function usageOf(turn: Turn, { words }: Progress, inputWords: number): LanguageModelV4Usage {
  const told = turn.findLast((directive) => directive.kind === 'usage');
  const input = told?.input ?? inputWords;
  const output = told?.output ?? words.text + words.reasoning;
  const reasoning = Math.min(words.reasoning, output);
  return {
    inputTokens: { total: input, noCache: input, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: output, text: output - reasoning, reasoning },
  };
}

/** Cuts a text into words; each keeps the space before it, the last one also what follows, so nothing is lost. */
function wordsOf(text: string): string[] {
  return text.match(/\s*\S+(?:\s+$)?/g) ?? [];
}

function* numbered(count: number): Generator<string, void> {
  for (let n = 1; n <= count; n += 1) yield n === 1 ? 'w1' : ` w${n}`;
}
