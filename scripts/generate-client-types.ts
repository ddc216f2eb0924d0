import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { allRoutes } from '../src/http/all-routes.ts';
import { describeApi } from '../src/http/openapi.ts';

/* Writes what the client knows of the API, from the OpenAPI document. With --check it only says whether that is old. */

type Schema = Record<string, unknown>;
type Content = Record<string, { schema: Schema }>;

interface Operation {
  operationId: string;
  description?: string;
  summary: string;
  parameters?: { name: string; in: string; schema: Schema }[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, { content?: Content }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

const root = fileURLToPath(new URL('..', import.meta.url));
const file = `${root}/packages/client/src/generated.ts`;

const routes = allRoutes({ version: { version: '', node: '', applicationVersion: '' } });
const document = JSON.parse(
  JSON.stringify(describeApi(routes, '')).replaceAll('#/components/schemas/', '#/definitions/'),
) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
);
/** Filters whose keys are free, which OpenAPI cannot describe. */
const filteredByMetadata = new Set(
  routes.filter(({ query }) => 'metadata' in query.shape).map(({ operationId }) => operationId),
);

const BOUNDS = [
  'pattern',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minimum',
  'maximum',
  'default',
  'format',
];

const content = format(`${tidy(await describeTypes())}\n${describeOperations()}`);
if (!process.argv.includes('--check')) writeFileSync(file, content);
else if (readFileSync(file, 'utf8') !== content) {
  console.error('packages/client/src/generated.ts is old: run npm run generate:client');
  process.exitCode = 1;
}

/** The types of every schema, and of what each operation takes and answers. */
function describeTypes(): Promise<string> {
  const schema = {
    type: 'object',
    additionalProperties: false,
    required: operations.map(({ operation }) => operation.operationId),
    properties: Object.fromEntries(
      operations.map(({ operation }) => [operation.operationId, describeOperation(operation)]),
    ),
    definitions: document.components.schemas,
  };
  return compile(typesOf(schema) as JSONSchema, 'Operations', {
    bannerComment:
      '/* Made from the schemas of the server by `npm run generate:client`. Not to be edited. */',
    additionalProperties: false,
    unreachableDefinitions: true,
    ignoreMinAndMaxItems: true,
    format: false,
  });
}

function describeOperation(operation: Operation): Schema {
  const answer = answerOf(operation);
  return {
    type: 'object',
    description: operation.summary,
    additionalProperties: false,
    required: ['query', 'body', 'answer'],
    properties: {
      query: describeQuery(operation),
      body: describeBody(operation),
      answer: answer ?? { tsType: 'undefined' },
    },
  };
}

function describeQuery({ operationId, parameters = [] }: Operation): Schema {
  const query = parameters.filter((parameter) => parameter.in === 'query');
  const properties = Object.fromEntries(query.map(({ name, schema }) => [name, describeField(name, schema)]));
  if (filteredByMetadata.has(operationId)) {
    properties['metadata'] = { type: 'object', additionalProperties: { type: 'string' } };
  }
  if (Object.keys(properties).length === 0) return { tsType: 'undefined' };
  return { type: 'object', additionalProperties: false, properties };
}

/** As the client takes it; in a URL all is text. */
function describeField(name: string, schema: Schema): Schema {
  const { description } = schema;
  if (name === 'after') return { type: ['string', 'integer'], description };
  const isFlag = JSON.stringify(schema['enum']) === '["true","false"]';
  return isFlag ? { type: 'boolean', description } : schema;
}

function describeBody({ requestBody }: Operation): Schema {
  const schema = requestBody?.content['application/json']?.schema;
  if (requestBody === undefined || schema === undefined) return { tsType: 'undefined' };
  return requestBody.required ? schema : { anyOf: [schema, { tsType: 'undefined' }] };
}

/** The schema of the body that a client gets that asks for no stream; undefined when there is none. */
function answerOf({ responses }: Operation): Schema | undefined {
  const good = Object.entries(responses).filter(([status]) => status.startsWith('2'));
  const bodies = good.flatMap(([, answer]) => {
    const [type, body] = Object.entries(answer.content ?? {})[0] ?? [];
    return body === undefined || type === 'text/event-stream' ? [] : [body.schema];
  });
  if (bodies.length === 0) return undefined;
  const isOftenEmpty = good.some(([, answer]) => answer.content === undefined);
  if (bodies.length === 1 && !isOftenEmpty) return bodies[0];
  return { anyOf: [...bodies, ...(isOftenEmpty ? [{ tsType: 'undefined' }] : [])] };
}

/** How to reach each operation, for the code that sends requests. */
function describeOperations(): string {
  const entries = operations.map(({ method, path, operation }) => {
    const hasQuery = describeQuery(operation)['type'] !== undefined;
    const input = operation.requestBody !== undefined ? 'body' : hasQuery ? 'query' : 'none';
    return `${operation.operationId}: ['${method.toUpperCase()}', '${path}', '${input}'],`;
  });
  return `/** Method, path, and where the input of each operation goes. */
export const OPERATIONS = {\n${entries.join('\n')}\n} as const;`;
}

/** The types of a schema alone: bounds are checked by the server, and would only clutter them. */
function typesOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(typesOf);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(
    ([key, inner]) => !(BOUNDS.includes(key) && typeof inner !== 'object'),
  );
  const isAnything =
    kept.length > 0 && kept.every(([key, inner]) => key === 'description' && typeof inner === 'string');
  if (isAnything || Object.keys(value).length === 0) return { ...value, tsType: 'unknown' };
  const schema = Object.fromEntries(kept.map(([key, inner]) => [key, typesOfKey(key, inner)]));
  const isEmpty = schema['type'] === 'object' && JSON.stringify(schema['properties']) === '{}';
  return isEmpty ? { tsType: 'Record<string, never>' } : schema;
}

function typesOfKey(key: string, value: unknown): unknown {
  if (key !== 'properties' && key !== 'definitions') return typesOf(value);
  return Object.fromEntries(Object.entries(value as object).map(([name, inner]) => [name, typesOf(inner)]));
}

/** Leaves out what the compiler adds to comments, and keeps the short ones on one line. */
function tidy(text: string): string {
  return text
    .replace(/ \*\n( \* This interface was referenced by [^\n]*\n \* via [^\n]*\n)/g, '$1')
    .replace(/ \* This interface was referenced by [^\n]*\n \* via [^\n]*\n/g, '')
    .replace(/\/\*\*\n \*\/\n/g, '')
    .replace(/\/\*\*\n\s*\* ([^\n]*)\n\s*\*\//g, '/** $1 */');
}

function format(text: string): string {
  const biome = fileURLToPath(import.meta.resolve('@biomejs/biome/bin/biome'));
  return execFileSync(process.execPath, [biome, 'format', `--stdin-file-path=${file}`], {
    cwd: root,
    input: text,
    encoding: 'utf8',
  });
}
