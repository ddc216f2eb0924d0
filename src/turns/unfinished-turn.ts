import { convertToModelMessages, getToolName, isToolUIPart, type ModelMessage, type UIMessage } from 'ai';
import { cancelledOutput } from './answer.ts';

type Part = UIMessage['parts'][number];

/**
 * What a turn that was cut off has said, for the history: there is no answer of a model to be repeated, only the parts
 * that were streamed. Reasoning is left out, and so is what the provider had put beside the parts: without the end of
 * the answer it is not signed, and names things that the provider has not kept. Every call has a result.
 * @param turnsBefore how many turns of the message came to their end
 */
export async function unfinishedTurn(parts: readonly Part[], turnsBefore: number): Promise<ModelMessage[]> {
  const told = partsAfter(parts, turnsBefore).flatMap(plain);
  if (told.length === 0) return [];
  const cancelled = new Set(told.flatMap((part) => (isCancelled(part) ? [part.toolCallId] : [])));
  const converted = await convertToModelMessages([{ role: 'assistant', parts: told }], {
    ignoreIncompleteToolCalls: true,
  });
  return converted.filter((item) => item.content.length > 0).map((item) => markCancelled(item, cancelled));
}

/** Each turn begins with a `step-start`; a cancel may have added one without anything after it. */
function partsAfter(parts: readonly Part[], turns: number): Part[] {
  const starts = parts.flatMap((part, i) => (part.type === 'step-start' ? [i] : []));
  const from = turns === 0 ? 0 : (starts[turns] ?? parts.length);
  return parts.slice(from).filter(({ type }) => type !== 'step-start');
}

/** The part as anybody could have said it; nothing if it cannot be said again. */
function plain(part: Part): Part[] {
  if (part.type === 'text') return part.text.trim() === '' ? [] : [{ type: 'text', text: part.text }];
  if (!isToolUIPart(part) || part.providerExecuted === true) return [];
  const { toolCallId, errorText, toolMetadata } = part;
  const input = typeof part.input === 'object' && part.input !== null ? part.input : {};
  return [
    {
      type: 'dynamic-tool',
      toolName: getToolName(part),
      toolCallId,
      state: 'output-error',
      input,
      errorText: errorText ?? 'The execution ended before this call was made',
      ...(toolMetadata === undefined ? {} : { toolMetadata }),
    },
  ];
}

function isCancelled(part: Part): part is Extract<Part, { toolCallId: string }> {
  return isToolUIPart(part) && part.toolMetadata?.['cancelled'] === true;
}

function markCancelled(message: ModelMessage, cancelled: ReadonlySet<string>): ModelMessage {
  if (message.role !== 'tool') return message;
  const content = message.content.map((part) =>
    part.type === 'tool-result' && cancelled.has(part.toolCallId)
      ? { ...part, output: cancelledOutput() }
      : part,
  );
  return { ...message, content };
}
