import { jsonSchema, type ModelMessage, streamText, type ToolSet, tool, toUIMessageStream } from 'ai';
import type { AgentDefinition, AgentLimits } from '../agents/define-agent.ts';
import { inputJsonSchema } from '../agents/input-json-schema.ts';
import type { ResolvedModel } from '../agents/model-registry.ts';
import { type Chunk, validateChunk } from '../chunks/chunk.ts';
import { brokenStream, ModelCallFailed, modelCallFailed } from './model-failure.ts';
import type { TurnIds } from './turn-ids.ts';
import { toUsage, type Usage } from './usage.ts';

export interface ModelCall {
  agent: AgentDefinition;
  limits: AgentLimits;
  model: ResolvedModel['model'];
  messages: ModelMessage[];
  ids: TurnIds;
  /** Ends the call: the execution is lost, or its time is over. */
  signal: AbortSignal;
  /** Takes each chunk in order; what it returns holds the model's stream back. */
  onChunk(chunk: Chunk): Promise<void>;
}

/** What a model call came to. */
export interface ModelAnswer {
  responseMessages: ModelMessage[];
  /** The calls that have to be made: valid, and not made by the provider itself. */
  toolCalls: { toolCallId: string; toolName: string; input: unknown }[];
  usage: Usage;
  finishReason: string;
  /** Milliseconds from the call to the first content; null when there was none. */
  firstTokenMs: number | null;
  durationMs: number;
}

/** Chunks that say nothing to a person. The rows that frame a turn and an execution are written elsewhere. */
const FRAMES = new Set<Chunk['type']>(['start', 'start-step', 'finish-step', 'finish', 'message-metadata']);

/**
 * Makes exactly one call of the model. Tools have no `execute` here, so the SDK cannot loop; it does not retry
 * either, for a try must be marked in the log.
 * @throws ModelCallFailed for each of the ways in which providers fail, whether they throw or resolve
 */
export async function callModel(call: ModelCall): Promise<ModelAnswer> {
  const startedAt = performance.now();
  const stall = new StallWatch(call.limits.modelIdleTimeoutMs);
  const signal = AbortSignal.any([call.signal, stall.signal]);
  try {
    let firstTokenMs: number | null = null;
    const answer = await streamAnswer({ ...call, signal }, async (chunk) => {
      stall.pause();
      firstTokenMs ??= Math.round(performance.now() - startedAt);
      await call.onChunk(chunk);
      stall.listen();
    });
    return { ...answer, firstTokenMs, durationMs: Math.round(performance.now() - startedAt) };
  } catch (error) {
    call.signal.throwIfAborted();
    if (stall.signal.aborted) throw brokenStream('The model said nothing for too long', error);
    throw modelCallFailed(error);
  } finally {
    stall.pause();
  }
}

async function streamAnswer(
  call: ModelCall,
  onChunk: (chunk: Chunk) => Promise<void>,
): Promise<Omit<ModelAnswer, 'firstTokenMs' | 'durationMs'>> {
  const tools = toolsToOffer(call.agent);
  let fault: unknown;
  let sawEnd = false;
  const result = streamText({
    model: call.model,
    instructions: call.agent.instructions,
    messages: call.messages,
    tools,
    maxRetries: 0,
    experimental_download: refuseDownloads,
    abortSignal: call.signal,
    ...(call.limits.maxOutputTokens === undefined ? {} : { maxOutputTokens: call.limits.maxOutputTokens }),
    onError: ({ error }) => {
      fault ??= error;
    },
    // A stream that just ends resolves like a whole one: only this tells that the model said it was done.
    onLanguageModelCallEnd: () => {
      sawEnd = true;
    },
  });
  const stream = toUIMessageStream({
    stream: result.stream,
    tools,
    sendStart: false,
    sendFinish: false,
    sendSources: true,
    redactToolErrors: false,
    onError: (error) => {
      fault ??= error;
      return 'error';
    },
  });
  await forEachUntilAborted(stream, call.signal, async (chunk) => {
    if (chunk.type === 'error' || chunk.type === 'abort') throw modelCallFailed(fault);
    if (!FRAMES.has(chunk.type)) await onChunk(await validateChunk(call.ids.chunk(chunk)));
  });
  if (fault !== undefined) throw modelCallFailed(fault);
  if (!sawEnd) throw brokenStream('The stream of the model ended before its answer did');
  return readAnswer(call, result);
}

async function readAnswer(
  call: ModelCall,
  result: ReturnType<typeof streamText<ToolSet>>,
): Promise<Omit<ModelAnswer, 'firstTokenMs' | 'durationMs'>> {
  const finishReason = await result.finishReason;
  if (finishReason === 'error' || finishReason === 'interrupted') {
    throw brokenStream('The model ended its answer with an error');
  }
  const calls = (await result.toolCalls).filter(
    (item) => item.invalid !== true && item.providerExecuted !== true,
  );
  const toolCalls = calls.map((item) => ({
    toolCallId: call.ids.toolCallId(item.toolCallId),
    toolName: item.toolName,
    input: item.input as unknown,
  }));
  if (new Set(toolCalls.map((item) => item.toolCallId)).size < toolCalls.length) {
    throw brokenStream('The model gave two tool calls of one answer the same id');
  }
  return {
    responseMessages: call.ids.messages(await result.responseMessages),
    toolCalls,
    usage: toUsage(await result.usage),
    finishReason,
  };
}

/** The agent's tools without what they do: the input is checked here, and kept as the model gave it. */
function toolsToOffer(agent: AgentDefinition): ToolSet {
  const offered: ToolSet = {};
  for (const [name, definition] of Object.entries(agent.tools)) {
    const schema = jsonSchema(inputJsonSchema(definition) as Parameters<typeof jsonSchema>[0], {
      validate: async (value) => {
        const parsed = await definition.inputSchema.safeParseAsync(value);
        return parsed.success ? { success: true, value } : { success: false, error: parsed.error };
      },
    });
    offered[name] = tool({ description: definition.description, inputSchema: schema });
  }
  return offered;
}

/** Files come with the prompt: neither the SDK nor a provider goes where somebody's message says. */
async function refuseDownloads(wanted: readonly unknown[]): Promise<never[]> {
  if (wanted.length === 0) return [];
  const detail = 'The prompt has a file that was not fetched';
  throw new ModelCallFailed({ code: 'model-error', detail, retryable: false, retryAfterMs: undefined });
}

/** Reads a stream to its end, or leaves it at once when the signal aborts, even if the model does not heed it. */
async function forEachUntilAborted<T>(
  stream: ReadableStream<T>,
  signal: AbortSignal,
  visit: (item: T) => Promise<void>,
): Promise<void> {
  const reader = stream.getReader();
  // Cancelling ends a read under way. Not awaited: a model that hangs would hold the step with it.
  const leave = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener('abort', leave, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      await visit(value);
    }
  } finally {
    signal.removeEventListener('abort', leave);
    leave();
  }
}

/** Aborts when the model said nothing for a while; the time that its listener takes does not count. */
class StallWatch {
  readonly #controller = new AbortController();
  readonly #idleMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
    this.listen();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  listen(): void {
    this.#timer = setTimeout(() => this.#controller.abort(new Error('The model stalled')), this.#idleMs);
  }

  pause(): void {
    clearTimeout(this.#timer);
  }
}
