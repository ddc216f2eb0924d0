import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a model server may do with one request. */
export type Reply = (response: ServerResponse) => void;

export interface ModelMessage {
  role: string;
  content: unknown;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

export interface ModelRequest {
  messages: ModelMessage[];
  headers: IncomingMessage['headers'];
}

/**
 * A server that speaks OpenAI's chat completions, and misbehaves on request. What it does follows from the last
 * user message, so that executions do not get in each other's way.
 */
export interface FakeOpenAi {
  /** For OUTLAST_MODEL_BASE_URL. */
  readonly url: string;
  /** What to do when asked with this user message: one reply after the other, the last one again and again. */
  answer(userText: string, ...replies: Reply[]): void;
  /** The requests with this user message, in the order of their arrival. */
  requests(userText: string): ModelRequest[];
  close(): Promise<void>;
}

export async function startFakeOpenAi(): Promise<FakeOpenAi> {
  const replies = new Map<string, Reply[]>();
  const received = new Map<string, ModelRequest[]>();
  const server = createServer((request, response) => {
    const answer = async () => {
      const { messages } = await readBody(request);
      const key = lastUserText(messages);
      const requests = received.get(key) ?? [];
      received.set(key, [...requests, { messages, headers: request.headers }]);
      const script = replies.get(key) ?? [];
      const reply = script[Math.min(requests.length, script.length - 1)] ?? status(404);
      reply(response);
    };
    void answer();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    answer: (userText, ...script) => void replies.set(userText, script),
    requests: (userText) => received.get(userText) ?? [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readBody(request: IncomingMessage): Promise<{ messages: ModelMessage[] }> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part as string;
  return JSON.parse(text) as { messages: ModelMessage[] };
}

function lastUserText(messages: ModelMessage[]): string {
  const content = messages.findLast(({ role }) => role === 'user')?.content;
  if (typeof content === 'string') return content;
  return (content as { text: string }[] | undefined)?.map(({ text }) => text).join('') ?? '';
}

/** A part of the stream: a delta, or an event that is given whole. */
type Part = { delta: object } | { finish: string } | { raw: string } | { usage: object };

const HEAD = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'test' };

/** A part as it goes over the wire. */
export function toEvent(part: Part): string {
  if ('raw' in part) return part.raw;
  if ('usage' in part) return `data: ${JSON.stringify({ ...HEAD, choices: [], usage: part.usage })}\n\n`;
  const delta = 'delta' in part ? part.delta : {};
  const choice = { index: 0, delta, finish_reason: 'finish' in part ? part.finish : null };
  return `data: ${JSON.stringify({ ...HEAD, choices: [choice] })}\n\n`;
}

export function says(content: string): Part {
  return { delta: { role: 'assistant', content } };
}

/** A tool call, its arguments in two pieces as real servers send them. */
export function calls(id: string, name: string, args: string, index = 0): Part[] {
  const half = Math.ceil(args.length / 2);
  const begun = { index, id, type: 'function', function: { name, arguments: args.slice(0, half) } };
  const rest = { index, function: { arguments: args.slice(half) } };
  return [{ delta: { role: 'assistant', tool_calls: [begun] } }, { delta: { tool_calls: [rest] } }];
}

function begin(response: ServerResponse, parts: Part[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const part of parts) response.write(toEvent(part));
}

/** A whole answer; without a `finish` among the parts it ends with `stop`. */
export function whole(...parts: Part[]): Reply {
  const isEnded = parts.some((part) => 'finish' in part);
  return (response) => {
    begin(response, [...parts, ...(isEnded ? [] : [{ finish: 'stop' }])]);
    response.end('data: [DONE]\n\n');
  };
}

/** The stream ends as if all were well, but the answer has no end. */
export function endingSilently(...parts: Part[]): Reply {
  return (response) => {
    begin(response, parts);
    response.end();
  };
}

/** The connection breaks once the parts have left. */
export function cutting(...parts: Part[]): Reply {
  return (response) => {
    begin(response, parts);
    response.write(': bye\n\n', () => response.destroy());
  };
}

/** The parts, then nothing more, for ever. */
export function hangingAfter(...parts: Part[]): Reply {
  return (response) => {
    begin(response, parts);
    response.flushHeaders();
  };
}

/** Not even headers. */
export const hanging: Reply = () => undefined;

/** An answer that is an error. Its text quotes the key, as some providers do. */
export function status(code: number, headers: Record<string, string> = {}, quoted = ''): Reply {
  return (response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(
      JSON.stringify({ error: { message: `Refused ${quoted}`, type: 'test', code: null, param: null } }),
    );
  };
}

/** A 200 that is no stream of events. */
export function page(contentType: string, body: string): Reply {
  return (response) => {
    response.writeHead(200, { 'content-type': contentType });
    response.end(body);
  };
}

/** An error event in the middle of a stream that began well. */
export function failure(quoted: string): Part {
  return {
    raw: `data: ${JSON.stringify({ error: { message: `Overloaded ${quoted}`, type: 'server_error', code: 500 } })}\n\n`,
  };
}

/** Why a strict provider would refuse this history; empty when it would not. */
export function faultsOf(messages: readonly ModelMessage[]): string[] {
  const faults: string[] = [];
  let open: string[] = [];
  for (const [i, message] of messages.entries()) {
    if (message.role === 'tool') {
      const id = message.tool_call_id ?? '';
      if (!open.includes(id)) faults.push(`message ${i} is the result of ${id}, which nobody waits for`);
      open = open.filter((each) => each !== id);
      continue;
    }
    if (open.length > 0) faults.push(`message ${i} comes before the results of ${open.join(', ')}`);
    open = message.tool_calls?.map(({ id }) => id) ?? [];
    if (new Set(open).size < open.length) faults.push(`message ${i} has two calls of one id`);
    const isEmpty = message.content === '' || message.content == null;
    if (message.role === 'assistant' && isEmpty && open.length === 0) faults.push(`message ${i} is empty`);
  }
  if (open.length > 0) faults.push(`nothing answers ${open.join(', ')}`);
  return faults;
}
