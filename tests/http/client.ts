import { request as send } from 'node:http';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The body, parsed. */
  json(): Record<string, unknown> & { data: Record<string, unknown>[] };
}

export interface RequestOptions {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON, unless it is a text or bytes. */
  body?: unknown;
  /** Leaves once the headers are there: some answers have no end. */
  headersOnly?: boolean;
}

/** A request as it is given: unlike `fetch`, this lets paths be malformed and `Host` be anything. */
export function ask(base: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  const { hostname, port } = new URL(base);
  const { body } = options;
  const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const method = options.method ?? (body === undefined ? 'GET' : 'POST');
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const headers = { ...type, ...options.headers };
    const req = send({ hostname, port, path, method, headers, agent: false }, (res) => {
      let text = '';
      const answer = (): Answer => ({
        status: res.statusCode ?? 0,
        headers: res.headers,
        text,
        json: () => JSON.parse(text),
      });
      if (options.headersOnly === true) {
        resolve(answer());
        req.destroy();
        return;
      }
      res.setEncoding('utf8');
      res.on('data', (part: string) => {
        text += part;
      });
      res.on('error', reject);
      res.on('end', () => resolve(answer()));
    });
    req.on('error', reject);
    req.end(isRaw ? body : JSON.stringify(body));
  });
}

/** Starts an execution and gives its JSON. */
export async function start(
  base: string,
  body: Record<string, unknown>,
): Promise<Record<string, unknown> & { id: string }> {
  const answer = await ask(base, '/executions', { body: { agentId: 'assistant', ...body } });
  if (answer.status !== 202) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json()['execution'] as Record<string, unknown> & { id: string };
}

/** Starts an execution and waits for its end. */
export async function run(
  base: string,
  body: Record<string, unknown>,
): Promise<Record<string, unknown> & { id: string }> {
  const { id } = await start(base, body);
  return (await ask(base, `/executions/${id}/wait`)).json() as unknown as Record<string, unknown> & {
    id: string;
  };
}
