import fc from 'fast-check';
import {
  hostileBody,
  hostileEncoding,
  hostileHeader,
  hostileQuery,
  hostileText,
  hostileValue,
} from './hostile.ts';

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'SEARCH',
  'QUERY',
];

/** One thing that is wrong with a request. `at` chooses a place, whatever the request has. */
export type Mutation =
  | { kind: 'path' | 'query' | 'header'; at: number; text: string }
  | { kind: 'value'; at: number; value: unknown }
  | { kind: 'remove'; at: number }
  | { kind: 'add'; at: number; key: string; value: unknown }
  | { kind: 'method'; method: string }
  | { kind: 'raw-path'; text: string }
  | { kind: 'raw-query'; text: string }
  | { kind: 'raw-header'; pair: readonly [string, string] }
  | { kind: 'body'; text: string }
  | { kind: 'truncate'; at: number };

export function mutation(): fc.Arbitrary<Mutation> {
  const at = fc.nat(40);
  const kind = <K extends Mutation['kind']>(name: K) => fc.constant(name);
  return fc.oneof(
    fc.record({ kind: fc.constantFrom('path', 'header'), at, text: hostileText() }),
    { weight: 3, arbitrary: fc.record({ kind: kind('query'), at, text: hostileText() }) },
    { weight: 3, arbitrary: fc.record({ kind: kind('value'), at, value: hostileValue() }) },
    fc.record({ kind: kind('remove'), at }),
    fc.record({ kind: kind('add'), at, key: hostileText(), value: hostileValue() }),
    fc.record({ kind: kind('method'), method: fc.constantFrom(...METHODS) }),
    fc.record({ kind: kind('raw-path'), text: hostileEncoding() }),
    fc.record({ kind: kind('raw-query'), text: hostileQuery() }),
    { weight: 2, arbitrary: fc.record({ kind: kind('raw-header'), pair: hostileHeader() }) },
    fc.record({ kind: kind('body'), text: hostileBody() }),
    fc.record({ kind: kind('truncate'), at }),
  );
}
