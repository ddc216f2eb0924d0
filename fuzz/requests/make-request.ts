import fc from 'fast-check';
import type { Operation, Parameter } from '../document/operations.ts';
import { addTo, removeFrom, replaceIn } from './change-json.ts';
import type { SchemaValues } from './from-schema.ts';
import { type Mutation, mutation } from './mutation.ts';
import { type PlainRequest, plainRequest } from './plain-request.ts';
import { encode, type FuzzRequest } from './request.ts';

const MOST_MUTATIONS = 3;

/** Requests to every route: as they should be, or with up to three things wrong. */
export function anyRequest(
  operations: readonly Operation[],
  values: SchemaValues,
  callers: readonly string[],
): fc.Arbitrary<FuzzRequest> {
  const toOne = (operation: Operation) => ({
    weight: weightOf(operation),
    arbitrary: fc
      .tuple(
        plainRequest(operation, values),
        fc.oneof(fc.constant([]), fc.array(mutation(), { maxLength: MOST_MUTATIONS })),
        fc.constantFrom(...callers),
      )
      .map(([plain, mutations, caller]) => makeRequest(operation, plain, mutations, caller)),
  });
  return fc.oneof(...operations.map(toOne));
}

/** Where much is read there is much to go wrong. */
function weightOf({ body, parameters }: Operation): number {
  return 1 + Math.min(parameters.length, 4) + (body === undefined ? 0 : 4);
}

function makeRequest(
  { name, method, path, parameters }: Operation,
  plain: PlainRequest,
  mutations: readonly Mutation[],
  caller: string,
): FuzzRequest {
  const changed = mutations.reduce((before, change) => changeValues(before, change, parameters), plain);
  const request: FuzzRequest = {
    operation: name,
    keepsForm: true,
    caller,
    method,
    target: `${pathOf(path, changed.path)}${queryOf(changed.query)}`,
    headers: headersOf(changed),
    body: changed.body === undefined ? undefined : JSON.stringify(changed.body),
  };
  return mutations.reduce(changeForm, request);
}

function changeValues(plain: PlainRequest, change: Mutation, parameters: readonly Parameter[]): PlainRequest {
  switch (change.kind) {
    case 'path':
    case 'query':
    case 'header': {
      const part = change.kind === 'header' ? 'headers' : change.kind;
      const names = parameters.filter((parameter) => parameter.in === change.kind).map(({ name }) => name);
      return { ...plain, [part]: withOther(plain[part], names[change.at % names.length], change.text) };
    }
    case 'value':
      return { ...plain, body: replaceIn(plain.body, change.at, change.value) };
    case 'remove':
      return { ...plain, body: removeFrom(plain.body, change.at) };
    case 'add':
      return { ...plain, body: addTo(plain.body, change.at, change.key, change.value) };
    default:
      return plain;
  }
}

function changeForm(request: FuzzRequest, change: Mutation): FuzzRequest {
  const { target, body } = request;
  switch (change.kind) {
    case 'method':
      return { ...request, keepsForm: false, method: change.method };
    case 'raw-path':
      return { ...request, keepsForm: false, target: target.replace(/(\?|$)/, `${change.text}$1`) };
    case 'raw-query':
      return {
        ...request,
        keepsForm: false,
        target: `${target}${target.includes('?') ? '' : '?'}${change.text}`,
      };
    case 'raw-header':
      return { ...request, keepsForm: false, headers: [...request.headers, change.pair] };
    case 'body':
      return { ...request, keepsForm: false, body: change.text };
    case 'truncate':
      return body === undefined ? request : { ...request, keepsForm: false, body: body.slice(0, change.at) };
    default:
      return request;
  }
}

/** Also one that may be there and is not. */
function withOther(
  values: PlainRequest['path'],
  name: string | undefined,
  text: string,
): PlainRequest['path'] {
  return name === undefined ? values : { ...values, [name]: text };
}

function pathOf(path: string, values: PlainRequest['path']): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encode(String(values[name])));
}

function queryOf(query: PlainRequest['query']): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().map((each) => `${encode(name)}=${encode(String(each))}`),
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function headersOf({ headers, body }: PlainRequest): [string, string][] {
  const own = Object.entries(headers).map(([name, value]): [string, string] => [name, onWire(String(value))]);
  return body === undefined ? own : [['content-type', 'application/json'], ...own];
}

/** What a header can hold at all: Latin-1 without control characters. References stay. */
function onWire(text: string): string {
  return text.replaceAll(/[^\t\x20-\x7e\x80-\xff⟦⟧]/g, '');
}
