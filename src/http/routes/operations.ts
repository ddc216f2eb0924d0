import { z } from 'zod';
import { Problem } from '../../problems/problem.ts';
import { json, type StreamAnswer } from '../answer.ts';
import { type Route, route } from '../route.ts';

const healthz = route({
  method: 'get',
  path: '/healthz',
  scope: 'public',
  operationId: 'getHealth',
  summary: 'Is the process alive?',
  tag: 'Operations',
  answers: {
    200: { description: 'It is.', content: { 'application/json': z.object({ status: z.literal('ok') }) } },
  },
  handle: () => json({ status: 'ok' }),
});

const readyz = route({
  method: 'get',
  path: '/readyz',
  scope: 'public',
  operationId: 'getReadiness',
  summary: 'Can it take work?',
  description: 'While it cannot, the problem has `dependencies` too.',
  tag: 'Operations',
  answers: {
    200: {
      description: 'It can.',
      content: {
        'application/json': z.object({
          status: z.literal('ready'),
          dependencies: z.record(z.string(), z.string()).meta({ description: 'All of them say ok.' }),
        }),
      },
    },
  },
  problems: ['draining', 'unavailable'],
  handle: async (_, { readiness, isDraining }) => {
    const dependencies = await readiness();
    const options = { extra: { dependencies }, headers: { 'retry-after': '1' } };
    if (isDraining()) throw new Problem('draining', 'The server is shutting down', options);
    const bad = Object.keys(dependencies).filter((name) => dependencies[name] !== 'ok');
    if (bad.length > 0) throw new Problem('unavailable', `Not ready: ${bad.join(', ')}`, options);
    return json({ status: 'ready', dependencies });
  },
});

const version = route({
  method: 'get',
  path: '/version',
  scope: 'public',
  operationId: 'getVersion',
  summary: 'Which version runs here?',
  tag: 'Operations',
  answers: {
    200: {
      description: 'The versions of the package, of Node, and of the workflows.',
      content: {
        'application/json': z.object({
          version: z.string(),
          node: z.string(),
          applicationVersion: z.string(),
        }),
      },
    },
  },
  handle: (_, deps) => json(deps.version),
});

const metrics = route({
  method: 'get',
  path: '/metrics',
  scope: 'metrics:read',
  rate: 'none',
  operationId: 'getMetrics',
  summary: 'What does it count?',
  description: 'In the text format of Prometheus. No message content and no ids.',
  tag: 'Operations',
  answers: { 200: { description: 'The metrics of this process.', content: { 'text/plain': z.string() } } },
  handle: async (_, { metrics }): Promise<StreamAnswer> => {
    const text = await metrics.scrape();
    // Without a length: it is another at each scrape, so that a HEAD could not tell it.
    const headers = { 'content-type': metrics.contentType };
    return { kind: 'stream', status: 200, headers, pump: (sink) => sink.write(text) };
  },
});

export const operationRoutes: Route[] = [healthz, readyz, version, metrics];
