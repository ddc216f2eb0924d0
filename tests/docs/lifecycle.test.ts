import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { isFinalStatus, NEXT_STATUS } from '../../src/executions/status.ts';

test('the drawing of the lifecycle shows exactly the moves of the table', async () => {
  const page = await readFile('docs/lifecycle.md', 'utf8');
  const drawing = /```mermaid\n(.*?)```/s.exec(page)?.[1] ?? '';
  const drawn = [...drawing.matchAll(/^\s+(\S+) --> (\S+)$/gm)].map(([, from, to]) => `${from} → ${to}`);
  const moves = Object.entries(NEXT_STATUS).flatMap(([from, next]) => next.map((to) => `${from} → ${to}`));
  const ends = Object.keys(NEXT_STATUS)
    .filter((status) => isFinalStatus(status as keyof typeof NEXT_STATUS))
    .map((status) => `${status} → [*]`);
  expect(drawn.sort()).toEqual(['[*] → queued', ...moves, ...ends].sort());
});
