import { OPERATIONS, type Operations } from '../generated.ts';
import type { Connection } from './connection.ts';

/** What goes with any request. */
export interface RequestOptions {
  signal?: AbortSignal;
  /** The same key, path and body again give the first answer again, for a day. Only for what creates or decides. */
  idempotencyKey?: string;
  headers?: Record<string, string>;
}

type Table = typeof OPERATIONS;
export type OperationId = keyof Table;

type ParamsOf<Path extends string> = Path extends `${string}{${string}}${infer Rest}`
  ? [string, ...ParamsOf<Rest>]
  : [];
type InputOf<Id extends OperationId> = Table[Id][2] extends 'body'
  ? Operations[Id]['body']
  : Operations[Id]['query'];
/** Nothing, something, or something that may be left out. */
type InputArgs<Input> = [Input] extends [undefined]
  ? []
  : undefined extends Input
    ? [input?: Input]
    : Partial<Input> extends Input
      ? [input?: Input]
      : [input: Input];

/** An operation as a method: its path's parameters, then its body or query if it has one, then options. */
export type Method<Id extends OperationId> = (
  ...args: [...ParamsOf<Table[Id][1]>, ...InputArgs<InputOf<Id>>, options?: RequestOptions]
) => Promise<Operations[Id]['answer']>;

/** Makes the method of an operation. */
export function methodOf<Id extends OperationId>(connection: Connection, id: Id): Method<Id> {
  const [method, template, kind] = OPERATIONS[id];
  const params = template.split('{').length - 1;
  return async (...args: unknown[]) => {
    const path = fillIn(template, args.slice(0, params) as string[]);
    const rest = args.slice(params);
    const [input, options = {}] = (kind === 'none' ? [undefined, ...rest] : rest) as [
      unknown,
      RequestOptions?,
    ];
    const { signal, idempotencyKey, headers } = options;
    const key: Record<string, string> =
      idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
    const response = await connection.send({
      method,
      path,
      ...(kind === 'body' ? { body: input } : { query: input as object | undefined }),
      headers: { accept: 'application/json, text/*;q=0.1', ...key, ...headers },
      signal,
    });
    return (await readAnswer(response)) as Operations[Id]['answer'];
  };
}

function fillIn(template: string, params: readonly string[]): string {
  let next = 0;
  return template.replace(/\{\w+\}/g, () => encodeURIComponent(String(params[next++])));
}

async function readAnswer(response: Response): Promise<unknown> {
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('application/json')) return response.json();
  const text = await response.text();
  return type === '' ? undefined : text;
}
