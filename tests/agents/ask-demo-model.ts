import { type ModelMessage, streamText, type TextStreamPart, type ToolSet } from 'ai';
import { createDemoModel } from '../../src/agents/demo-model/model.ts';

export interface Answer {
  /** What `streamText` streamed of the call, without its own start and finish parts. */
  parts: TextStreamPart<ToolSet>[];
  types: string[];
  text: string;
  reasoning: string;
  /** What the stream threw. */
  thrown: unknown;
  result: ReturnType<typeof streamText>;
}

interface AskOptions {
  model?: ReturnType<typeof createDemoModel>;
  tools?: ToolSet;
  maxRetries?: number;
  abortSignal?: AbortSignal;
  onPart?: (part: TextStreamPart<ToolSet>) => void;
}

/** Asks the demo model through the AI SDK, as the server does. */
export async function askDemoModel(
  prompt: string | ModelMessage[],
  { model = createDemoModel(), onPart, maxRetries = 0, ...settings }: AskOptions = {},
): Promise<Answer> {
  const messages = typeof prompt === 'string' ? [{ role: 'user' as const, content: prompt }] : prompt;
  const result = streamText({ model, messages, maxRetries, onError: () => {}, ...settings });
  const parts: TextStreamPart<ToolSet>[] = [];
  let thrown: unknown = null;
  try {
    for await (const part of result.stream) {
      if (part.type === 'start' || part.type === 'finish') continue;
      parts.push(part);
      onPart?.(part);
    }
  } catch (error) {
    thrown = error;
  }
  const joined = (type: string) =>
    parts.map((part) => (part.type === type && 'text' in part ? part.text : '')).join('');
  const types = parts.map(({ type }) => type);
  return { parts, types, text: joined('text-delta'), reasoning: joined('reasoning-delta'), thrown, result };
}
