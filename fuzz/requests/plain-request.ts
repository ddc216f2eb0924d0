import fc from 'fast-check';
import type { Operation, Parameter } from '../document/operations.ts';
import { kindOfPath } from '../world/things.ts';
import type { SchemaValues } from './from-schema.ts';
import { knownText } from './known-values.ts';

/** What a route is asked, in parts that can still be changed. */
export interface PlainRequest {
  path: Readonly<Record<string, unknown>>;
  query: Readonly<Record<string, unknown>>;
  headers: Readonly<Record<string, unknown>>;
  body: unknown;
}

/** Requests to a route as the document describes them, with real ids: most are let through to what the route does. */
export function plainRequest(operation: Operation, values: SchemaValues): fc.Arbitrary<PlainRequest> {
  const { path, parameters, body } = operation;
  const those = (place: Parameter['in']) => parameters.filter((parameter) => parameter.in === place);
  const record = (place: 'query' | 'header') => {
    const fields = those(place).map(({ name, schema }) => [name, values.of(schema, name)] as const);
    const requiredKeys = those(place).flatMap(({ name, required }) => (required === true ? [name] : []));
    return fc.record(Object.fromEntries(fields), { requiredKeys });
  };
  const inPath = those('path').map(({ name, schema }) => {
    const real = knownText(kindOfPath(path, name));
    return [name, fc.oneof({ weight: 9, arbitrary: real }, values.of(schema, name))] as const;
  });
  return fc.record({
    path: fc.record(Object.fromEntries(inPath)),
    query: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, record('query')),
    headers: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, record('header')),
    body: body === undefined ? fc.constant(undefined) : values.of(body, 'body'),
  });
}
