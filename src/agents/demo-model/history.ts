import { createHash } from 'node:crypto';
import type {
  JSONValue,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultOutput,
} from '@ai-sdk/provider';

/** All that the demo model knows; it follows from the prompt alone, so that a call can be made again. */
export interface History {
  /** The last user message: its text parts, joined by newlines. */
  script: string;
  /** How many user messages there are, this one included. */
  messageNo: number;
  /** The model calls that answered this message already. */
  turnsTaken: number;
  /** What their tool calls came to, in the order of the calls. */
  results: JSONValue[];
}

export function readHistory(prompt: LanguageModelV4Prompt): History {
  const at = prompt.findLastIndex((message) => message.role === 'user');
  const answer = prompt.slice(at + 1);
  const message = prompt[at];
  return {
    script: message ? textOf(message) : '',
    messageNo: prompt.filter(({ role }) => role === 'user').length,
    turnsTaken: answer.filter(({ role }) => role === 'assistant').length,
    results: resultsInCallOrder(answer),
  };
}

/**
 * The id of the nth tool call of a turn. A model server would make a random one; this one is a function of the
 * history, so that a call which is made again after a crash asks for the same tool calls.
 */
export function toolCallId({ script, messageNo, turnsTaken }: History, n: number): string {
  const hash = createHash('sha256').update(JSON.stringify([messageNo, turnsTaken, n, script]));
  return `call_${hash.digest('hex').slice(0, 12)}`;
}

/** Stands for the exact history in a map. */
export function fingerprint(prompt: LanguageModelV4Prompt): string {
  return createHash('sha256').update(JSON.stringify(prompt)).digest('hex');
}

/** The words of everything that the model is given: what the demo takes for input tokens. */
export function countPromptWords(prompt: LanguageModelV4Prompt): number {
  return prompt.reduce((sum, message) => sum + countWords(textOf(message)), 0);
}

export function countWords(text: string): number {
  return text.match(/\S+/g)?.length ?? 0;
}

function textOf(message: LanguageModelV4Message): string {
  if (message.role === 'system') return message.content;
  const texts = message.content.map((part) => {
    if (part.type === 'text' || part.type === 'reasoning') return part.text;
    return part.type === 'tool-result' ? JSON.stringify(resultOf(part.output)) : null;
  });
  return texts.filter((text) => text !== null).join('\n');
}

function resultsInCallOrder(answer: LanguageModelV4Prompt): JSONValue[] {
  // An id may come up again in a later turn, so a result belongs to the first call of its id that still has none.
  const calls: { id: string; result?: JSONValue }[] = [];
  for (const part of answer.flatMap(({ content }) => (typeof content === 'string' ? [] : [...content]))) {
    if (part.type === 'tool-call') calls.push({ id: part.toolCallId });
    if (part.type !== 'tool-result') continue;
    const call = calls.find(({ id, result }) => id === part.toolCallId && result === undefined);
    if (call) call.result = resultOf(part.output);
  }
  return calls.flatMap(({ result }) => (result === undefined ? [] : [result]));
}

function resultOf(output: LanguageModelV4ToolResultOutput): JSONValue {
  switch (output.type) {
    case 'text':
    case 'json':
      return output.value;
    case 'error-text':
    case 'error-json':
      return isCancelled(output.value) ? { cancelled: true } : { error: output.value };
    case 'execution-denied':
      return { denied: output.reason ?? null };
    case 'content':
      return contentOf(output.value.map((part) => (part.type === 'text' ? part.text : part.type)));
  }
}

/** The first text of several is the output, as JSON if it is any; what follows are remarks about it. */
function contentOf([output = '', ...remarks]: string[]): JSONValue {
  if (remarks.length === 0) return output;
  try {
    return JSON.parse(output) as JSONValue;
  } catch {
    return output;
  }
}

/** A call that a cancel cut short has an error for its result that says so, as an object or its JSON. */
function isCancelled(value: JSONValue): boolean {
  if (value === '{"cancelled":true}') return true;
  return typeof value === 'object' && value !== null && 'cancelled' in value && value['cancelled'] === true;
}
