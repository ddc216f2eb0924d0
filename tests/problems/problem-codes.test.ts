import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { packageFolder } from '../../src/config/package.ts';
import { PROBLEM_CODES } from '../../src/problems/problem-codes.ts';

/** The codes of the page, each with the status that it stands under. */
function documentedCodes(): Record<string, number> {
  const page = readFileSync(new URL('docs/problems.md', packageFolder), 'utf8');
  const codes: Record<string, number> = {};
  let status = 0;
  for (const [, level, heading = ''] of page.matchAll(/^(##|###) (\S+)$/gm)) {
    if (level === '##') status = Number(heading);
    else codes[heading] = status;
  }
  return codes;
}

describe('the table of problems', () => {
  test('has the same codes, with the same status, as its page', () => {
    const table = Object.fromEntries(
      Object.entries(PROBLEM_CODES).map(([code, { status }]) => [code, status]),
    );
    expect(documentedCodes()).toEqual(table);
  });

  test('has titles that are all different', () => {
    const titles = Object.values(PROBLEM_CODES).map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });
});
