import { z } from 'zod';
import type { ContentAnswer } from '../answer.ts';
import { json } from '../answer.ts';
import { DOCS_ASSETS, DOCS_PAGE, DOCS_POLICY, readDocsAsset, readProblemsPage } from '../docs-files.ts';
import { type Route, route } from '../route.ts';

const tag = 'Documentation';

function content(type: string, text: string | Buffer, headers: Record<string, string> = {}): ContentAnswer {
  return { kind: 'content', status: 200, headers: { 'content-type': type, ...headers }, content: text };
}

const docs = route({
  method: 'get',
  path: '/docs',
  scope: 'public',
  operationId: 'getDocs',
  summary: 'Read and try this API in a browser',
  tag,
  answers: { 200: { description: 'A page.', content: { 'text/html': z.string() } } },
  handle: () => content('text/html; charset=utf-8', DOCS_PAGE, { 'content-security-policy': DOCS_POLICY }),
});

const problems = route({
  method: 'get',
  path: '/docs/problems',
  scope: 'public',
  operationId: 'getProblemsPage',
  summary: 'What each problem means and what to do',
  tag,
  answers: { 200: { description: 'Markdown.', content: { 'text/plain': z.string() } } },
  handle: () => content('text/plain; charset=utf-8', readProblemsPage()),
});

const assets = route({
  method: 'get',
  path: '/docs/assets/{name}',
  scope: 'public',
  operationId: 'getDocsAsset',
  summary: 'A script or style of the page',
  tag,
  params: z.object({ name: z.enum(DOCS_ASSETS) }),
  answers: {
    200: { description: 'The file.', content: { 'text/css': z.string(), 'text/javascript': z.string() } },
  },
  handle: ({ params: { name } }) => {
    const asset = readDocsAsset(name);
    return content(asset.type, asset.content);
  },
});

/** The document of all routes, which it is itself one of. */
export function documentationRoutes(document: () => unknown): Route[] {
  const openApi = route({
    method: 'get',
    path: '/openapi.json',
    scope: 'public',
    operationId: 'getOpenApi',
    summary: 'This document',
    tag,
    answers: {
      200: {
        description: 'OpenAPI 3.1.',
        content: { 'application/json': z.record(z.string(), z.unknown()) },
      },
    },
    handle: () => json(document()),
  });
  return [openApi, docs, problems, assets];
}
