import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4Prompt,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import { countsAsks, createAskCounter, refusal, withoutSpentFailures } from './failures.ts';
import { countPromptWords, fingerprint, type History, readHistory, toolCallId } from './history.ts';
import { introduction } from './introduction.ts';
import { parseScript, type Turn } from './parse-script.ts';
import { streamTurn } from './stream-turn.ts';

/**
 * A language model without a network: it plays the script that it finds in the last user message. Which turn it
 * is at follows from the prompt; the only thing remembered is how often a `fail KIND N` was asked for.
 */
export function createDemoModel(): LanguageModelV4 {
  const countAsk = createAskCounter();

  function begin({ prompt, abortSignal }: LanguageModelV4CallOptions, own: AbortSignal) {
    abortSignal?.throwIfAborted();
    const history = readHistory(prompt);
    const turn = currentTurn(history, prompt, countAsk);
    const refused = refusal(turn);
    if (refused) throw refused;
    return streamTurn(turn, {
      inputWords: countPromptWords(prompt),
      toolCallId: (n) => toolCallId(history, n),
      signal: own,
    });
  }

  return {
    specificationVersion: 'v4',
    provider: 'demo',
    modelId: 'scripted',
    supportedUrls: {},
    async doStream(options) {
      const abort = follow(options.abortSignal);
      try {
        return { stream: streamOf(begin(options, abort.signal), abort) };
      } catch (error) {
        abort.end();
        throw error;
      }
    },
    async doGenerate(options) {
      const abort = follow(options.abortSignal);
      try {
        return await collect(begin(options, abort.signal));
      } finally {
        abort.end();
      }
    },
  };
}

function currentTurn(
  history: History,
  prompt: LanguageModelV4Prompt,
  countAsk: (key: string) => number,
): Turn {
  const turns = parseScript(history.script);
  if (turns.length === 0) return [{ kind: 'say', text: introduction }];
  const turn = turns[history.turnsTaken];
  if (!turn) return [{ kind: 'say', text: `done: ${JSON.stringify(history.results)}` }];
  // Only a turn with a counted failure is worth the hash of a long history.
  return countsAsks(turn) ? withoutSpentFailures(turn, countAsk(fingerprint(prompt))) : turn;
}

interface Abort {
  signal: AbortSignal;
  abort(reason: unknown): void;
  end(): void;
}

/** A signal that also stops when the reader goes away, and that leaves no listener behind on the caller's. */
function follow(outer: AbortSignal | undefined): Abort {
  const controller = new AbortController();
  const onAbort = () => controller.abort(outer?.reason);
  outer?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    end: () => outer?.removeEventListener('abort', onAbort),
  };
}

function streamOf(parts: AsyncGenerator<LanguageModelV4StreamPart, void>, abort: Abort) {
  return new ReadableStream<LanguageModelV4StreamPart>(
    {
      async pull(controller) {
        try {
          const { done, value } = await parts.next();
          if (!done) return controller.enqueue(value);
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        abort.end();
      },
      cancel(reason) {
        abort.abort(reason);
        abort.end();
      },
    },
    // Nothing is made before it is asked for, so that back-pressure reaches the model as it would reach a socket.
    { highWaterMark: 0 },
  );
}

async function collect(
  parts: AsyncGenerator<LanguageModelV4StreamPart, void>,
): Promise<LanguageModelV4GenerateResult> {
  const content: LanguageModelV4Content[] = [];
  for await (const part of parts) {
    if (part.type === 'error') throw part.error;
    if (part.type === 'text-start') content.push({ type: 'text', text: '' });
    if (part.type === 'reasoning-start') content.push({ type: 'reasoning', text: '' });
    if (part.type === 'text-delta' || part.type === 'reasoning-delta') append(content, part.delta);
    if (part.type === 'tool-call') content.push(part);
    if (part.type !== 'finish') continue;
    return { content, finishReason: part.finishReason, usage: part.usage, warnings: [] };
  }
  return { content, finishReason: { unified: 'interrupted', raw: undefined }, usage: noUsage, warnings: [] };
}

function append(content: LanguageModelV4Content[], delta: string): void {
  const last = content.at(-1);
  if (last?.type === 'text' || last?.type === 'reasoning') last.text += delta;
}

const noUsage: LanguageModelV4GenerateResult['usage'] = {
  inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};
