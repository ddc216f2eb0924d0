import fc from 'fast-check';
import type { Schema } from '../document/operations.ts';
import { chatMessage, knownText } from './known-values.ts';

const MOST_ITEMS = 3;
const LONGEST = 40;

/** Values that fit a schema of the document, or nearly so: what JSON Schema cannot say is left to the server. */
export class SchemaValues {
  readonly #schemas: Readonly<Record<string, Schema>>;

  constructor(schemas: Readonly<Record<string, Schema>>) {
    this.#schemas = schemas;
  }

  /** @param name by which it goes where it stands: `agentId` is more often than not the id of an agent */
  of(schema: Schema, name: string): fc.Arbitrary<unknown> {
    const { $ref, anyOf, oneOf, allOf } = schema;
    if ($ref !== undefined) return this.of(this.#schemas[$ref.split('/').at(-1) ?? ''] ?? {}, name);
    const choices = anyOf ?? oneOf;
    if (choices !== undefined) return fc.oneof(...choices.map((choice) => this.of(choice, name)));
    if (allOf !== undefined) return this.#merged(allOf, name);
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    if (schema.const !== undefined) return fc.constant(schema.const);
    const types = [schema.type ?? 'unknown'].flat();
    return fc.oneof(...types.map((type) => this.#ofType(type, schema, name)));
  }

  #ofType(type: string, schema: Schema, name: string): fc.Arbitrary<unknown> {
    switch (type) {
      case 'string':
        return textOf(schema, name);
      case 'integer':
      case 'number':
        return numberOf(schema);
      case 'boolean':
        return fc.boolean();
      case 'null':
        return fc.constant(null);
      case 'array':
        return this.#listOf(schema, name);
      case 'object':
        return this.#objectOf(schema);
      default:
        return name === 'messages' ? chatMessage() : fc.jsonValue({ maxDepth: 2 });
    }
  }

  #listOf({ items = {}, minItems = 0, maxItems = MOST_ITEMS }: Schema, name: string) {
    return fc.array(this.of(items, name), {
      minLength: minItems,
      maxLength: Math.max(minItems, Math.min(maxItems, MOST_ITEMS)),
    });
  }

  #objectOf({ properties = {}, required = [], additionalProperties }: Schema): fc.Arbitrary<unknown> {
    const isFree = Object.keys(properties).length === 0 && additionalProperties !== false;
    if (isFree)
      return fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 });
    const fields = Object.fromEntries(
      Object.entries(properties).map(([key, inner]) => [key, this.of(inner, key)]),
    );
    const requiredKeys = required.filter((key) => key in properties);
    const optional = Object.keys(properties).filter((key) => !required.includes(key));
    // Members that may be there often must not be there together.
    const few = fc.subarray(optional, { maxLength: Math.min(2, optional.length) }).chain((chosen) => {
      const keys = [...requiredKeys, ...chosen];
      return fc.record(Object.fromEntries(keys.map((key) => [key, fields[key] as fc.Arbitrary<unknown>])));
    });
    return fc.oneof({ weight: 3, arbitrary: few }, fc.record(fields, { requiredKeys }));
  }

  #merged(parts: readonly Schema[], name: string): fc.Arbitrary<unknown> {
    return fc
      .tuple(...parts.map((part) => this.of(part, name)))
      .map((values) => Object.assign({}, ...values) as unknown);
  }
}

function textOf(schema: Schema, name: string): fc.Arbitrary<string> {
  return fc.oneof({ weight: 3, arbitrary: knownText(name) }, { weight: 1, arbitrary: madeUp(schema) });
}

function madeUp({ format, pattern, minLength = 0, maxLength = LONGEST }: Schema): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.uuid();
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
  return fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, LONGEST)) });
}

function numberOf({ type, minimum = -1000, maximum = 1000 }: Schema): fc.Arbitrary<number> {
  const whole = fc.integer({ min: minimum, max: maximum });
  return type === 'integer' ? whole : fc.oneof(whole, fc.double({ min: minimum, max: maximum, noNaN: true }));
}
