import { OutlastProblem } from '../problem.ts';
import { type Environment, hostEnvironment } from './environment.ts';

/** Headers, or what gives them: it is asked anew for each request, so that a token may change. */
export type HeadersSource =
  | Record<string, string>
  | (() => Record<string, string> | Promise<Record<string, string>>);

/** A token, or what gives one: it is asked anew for each request, so that one that has ended may be replaced. */
export type TokenSource = string | (() => string | Promise<string>);

export interface ConnectionOptions {
  /** Where the server is, such as `https://agents.example.com`; in a browser also a path, or '' for the page's own origin. */
  baseUrl: string;
  /** Who is asking, as `Authorization: Bearer`: of a thread or an execution, or of a user. */
  token?: TokenSource;
  /** Sent with every request. */
  headers?: HeadersSource;
  /** For cookies over origins. Default: `same-origin`. */
  credentials?: NonNullable<RequestInit['credentials']>;
  /** Instead of the global one. */
  fetch?: typeof fetch;
  /** Clock, chance and what a page tells; for tests. */
  environment?: Partial<Environment>;
}

/** A request as it goes out. */
export interface OutgoingRequest {
  method: string;
  /** With its parameters filled in: `/executions/0190…`. */
  path: string;
  query?: object | undefined;
  body?: unknown;
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
}

/** The way to one server. */
export interface Connection {
  readonly environment: Environment;
  readonly baseUrl: string;
  /** The headers that go with every request, as they are now. */
  headers(): Promise<Record<string, string>>;
  /**
   * @throws OutlastProblem when the answer is none of success
   * @throws TypeError when there is no answer
   */
  send(request: OutgoingRequest): Promise<Response>;
}

export function connect(options: ConnectionOptions): Connection {
  const base = options.baseUrl.replace(/\/+$/, '');
  const environment = { ...hostEnvironment(), ...options.environment };
  const headers = async () => {
    const { headers: source = {}, token: tokenSource } = options;
    const given = typeof source === 'function' ? await source() : source;
    if (tokenSource === undefined) return given;
    const token = typeof tokenSource === 'function' ? await tokenSource() : tokenSource;
    return { authorization: `Bearer ${token}`, ...given };
  };
  const send = async ({ method, path, query, body, signal, ...request }: OutgoingRequest) => {
    if (!URL.canParse(base) && (globalThis as { location?: unknown }).location === undefined) {
      throw new Error(`Outside of a browser baseUrl must be an absolute URL, and is "${options.baseUrl}"`);
    }
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    // Not kept: what is installed later, such as a tracing library's, is to be used too.
    const fetch = options.fetch ?? globalThis.fetch;
    const response = await fetch(`${base}${path}${toSearch(query)}`, {
      method,
      headers: { ...type, ...(await headers()), ...request.headers },
      credentials: options.credentials ?? 'same-origin',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (!response.ok) throw await OutlastProblem.of(response);
    return response;
  };
  return { environment, baseUrl: base, headers, send };
}

/** Lists are repeated; `metadata: {a: 1}` is `metadata.a=1`. */
function toSearch(query: object | undefined): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue;
    if (Array.isArray(value)) for (const each of value) search.append(name, String(each));
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) search.append(`${name}.${key}`, String(inner));
    } else search.append(name, String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}
