import { describe, expect, test } from '@jest/globals';
import { allRoutes } from '../../src/http/all-routes.ts';
import { describeApi } from '../../src/http/openapi.ts';

interface Operation {
  operationId: string;
  summary: string;
  parameters?: { name: string; in: string; required?: boolean; schema: unknown }[];
  requestBody?: { required: boolean; content: Record<string, { schema: unknown }> };
  security: Record<string, string[]>[];
  responses: Record<string, { description: string; content?: Record<string, { schema: unknown }> }>;
}

interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
}

const routes = allRoutes({ version: { version: '1.2.3', node: '0', applicationVersion: '0' } });
const document = JSON.parse(JSON.stringify(describeApi(routes, '1.2.3'))) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, path, operation })),
);

function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === '$ref' ? [String(inner)] : refsIn(inner)));
}

describe('the OpenAPI document', () => {
  test('has every route, and nothing else', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(operations.map(({ name }) => name).sort()).toEqual(
      routes.map(({ method, path }) => `${method} ${path}`).sort(),
    );
  });

  test('names every operation once', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(ids.every((id) => /^[a-z][A-Za-z]+$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('only refers to what it has', () => {
    const refs = new Set(refsIn(document));
    expect(refs.size).toBeGreaterThan(5);
    for (const ref of refs) {
      const found = ref
        .replace('#/', '')
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      expect([ref, typeof found]).toEqual([ref, 'object']);
    }
  });

  test.each(operations)('$name says what it takes and answers', ({ path, operation }) => {
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(inPath.map(({ name, required }) => [name, required])).toEqual(names.map((name) => [name, true]));
    const others = (operation.parameters ?? []).filter((parameter) => parameter.in !== 'path');
    expect(others.filter(({ required }) => required === true)).toEqual([]);
    const statuses = Object.keys(operation.responses).map(Number);
    expect(statuses.some((status) => status < 300)).toBe(true);
    expect(statuses).toEqual(expect.arrayContaining([400, 403, 500, 503]));
    for (const [status, { content, description }] of Object.entries(operation.responses)) {
      expect(description).not.toBe('');
      if (Number(status) >= 400) expect(Object.keys(content ?? {})).toEqual(['application/problem+json']);
    }
  });

  test('lets a token stand in the URL only of what is read and open to tokens', () => {
    const inUrl = operations.filter(({ operation }) => operation.security.some((way) => 'token' in way));
    const open = routes.filter(({ method, tokens }) => method === 'get' && tokens !== undefined);
    expect(inUrl.map(({ name }) => name).sort()).toEqual(open.map(({ path }) => `get ${path}`).sort());
    expect(open.length).toBeGreaterThan(10);
  });

  test('has the schema of a body that is needed', () => {
    expect(document.paths['/executions']?.['post']?.requestBody).toMatchObject({
      required: true,
      content: { 'application/json': { schema: { $ref: '#/components/schemas/NewExecution' } } },
    });
  });
});
