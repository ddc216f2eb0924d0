import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Chunk } from '../../src/chunks/chunk.ts';
import { ask } from '../http/client.ts';
import { append, insertRunning, serveAlone, setStatus, type TestHttp } from '../http/in-process.ts';
import { parseEvents } from '../http/sse.ts';

let http: TestHttp;
let execution: { id: string; no: number };
beforeAll(async () => {
  http = await serveAlone();
});
afterAll(() => http.dispose());
beforeEach(async () => {
  execution = await insertRunning(http.db);
});
afterEach(() => setStatus(http.db, execution.id, "status = 'queued', worker_id = NULL"));

const step: Chunk[] = [{ type: 'start-step' }, ...said('a', 'old')];
function said(id: string, delta: string): Chunk[] {
  return [
    { type: 'text-start', id },
    { type: 'text-delta', id, delta },
    { type: 'text-end', id },
  ];
}

const TAKEN_OVER: Chunk[] = [
  { type: 'start', messageId: 'answer' },
  ...step,
  { type: 'reset-step' },
  ...said('a', 'older'),
  { type: 'reset-step' },
  ...said('a', 'new'),
  { type: 'finish-step' },
  { type: 'tool-approval-response', approvalId: 'x', approved: true },
  { type: 'start-step' },
];

const path = (query = '?sdk=6') => `/api/chat/${execution.id}/stream${query}`;
const typesOf = (text: string) =>
  parseEvents(text).flatMap(({ data }) => (data === '[DONE]' ? [] : [JSON.parse(data).type]));

test('a client of AI SDK 6 is not given what it fails on, nor what a takeover superseded', async () => {
  await append(http, execution.no, 1, [...TAKEN_OVER, { type: 'finish' }]);
  const { text } = await ask(http.url, path());
  expect(typesOf(text)).toEqual([
    'start',
    'start-step',
    'text-start',
    'text-delta',
    'text-end',
    'finish-step',
    'start-step',
    'finish',
  ]);
  expect(text).toContain('new');
  expect(text).not.toContain('old');
  expect(text).toContain(`id: ${TAKEN_OVER.length + 1}\n`);
});

test('so is one that says it by a header', async () => {
  await append(http, execution.no, 1, [...TAKEN_OVER, { type: 'finish' }]);
  const { text } = await ask(http.url, path(''), { headers: { 'x-ai-sdk': '6' } });
  expect(text).toBe((await ask(http.url, path())).text);
});

test('others are given all of it', async () => {
  await append(http, execution.no, 1, [...TAKEN_OVER, { type: 'finish' }]);
  const { text } = await ask(http.url, path(''));
  expect(typesOf(text)).toEqual([...TAKEN_OVER, { type: 'finish' }].map(({ type }) => type));
});

test('a takeover while it reads cuts its connection, and a replay has the one true message', async () => {
  await append(http, execution.no, 1, [{ type: 'start', messageId: 'answer' }, ...step]);
  const response = await fetch(`${http.url}${path()}`);
  const reading = response.text();
  await append(http, execution.no, 6, [{ type: 'reset-step' }, ...said('a', 'new'), { type: 'finish' }]);
  await expect(reading).rejects.toThrow();
  const { text } = await ask(http.url, path());
  expect(text).toContain('new');
  expect(text).not.toContain('old');
});
