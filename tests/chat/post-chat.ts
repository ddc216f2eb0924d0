import { type Answer, ask } from '../http/client.ts';
import { parseEvents, type StreamEvent } from '../http/sse.ts';

export interface ChatAnswer extends Answer {
  events: StreamEvent[];
  /** The chunks, without what ends the stream. */
  chunks: Record<string, unknown>[];
  /** What the client resumes this stream by. */
  run: string;
}

/** Sends what `useChat` would send and reads the whole answer. */
export async function postChat(
  base: string,
  body: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<ChatAnswer> {
  return toChatAnswer(await ask(base, '/api/chat', { body: { agentId: 'operator', ...body }, headers }));
}

/** Resumes a stream by the id of a thread or of a run. */
export async function resumeChat(base: string, id: string, query = ''): Promise<ChatAnswer> {
  return toChatAnswer(await ask(base, `/api/chat/${encodeURIComponent(id)}/stream${query}`));
}

function toChatAnswer(answer: Answer): ChatAnswer {
  const events = parseEvents(answer.text);
  const chunks = events.filter(({ data }) => data !== '[DONE]').map(({ data }) => JSON.parse(data));
  return { ...answer, events, chunks, run: String(answer.headers['x-workflow-run-id']) };
}

/** A message of a user, as stock clients send it. */
export function userMessage(id: string, text: string) {
  return { id, role: 'user', parts: [{ type: 'text', text }] };
}
