import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { packageFolder } from '../../src/config/package.ts';
import { definitionOf, METRICS } from '../../src/metrics/metrics-table.ts';

const NAMES = Object.keys(METRICS) as (keyof typeof METRICS)[];

/** The rows of the page's table, in its order. */
function documented(): string[] {
  const page = readFileSync(new URL('docs/metrics.md', packageFolder), 'utf8');
  return [...page.matchAll(/^\| `(\w+)` +\| (\w+) +\| +((?:`.*?`)?) *\|/gm)].map(([, ...cells]) =>
    cells.join(' ').trim(),
  );
}

describe('the table of metrics', () => {
  test('has the same names, types and labels as its page', () => {
    const table = NAMES.map((name) => {
      const { type, label } = definitionOf(name);
      const values = label?.values.map((value) => `\`${value}\``).join(', ');
      return label === undefined ? `${name} ${type}` : `${name} ${type} \`${label.name}\`: ${values}`;
    });
    expect(documented()).toEqual(table);
  });

  test('has the unit of what is measured at the end of its names', () => {
    for (const name of NAMES) {
      const { type } = definitionOf(name);
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      if (type === 'histogram') expect(name).toMatch(/_(seconds|rows)$/);
      expect(name).not.toMatch(/_(ms|milliseconds|kb|count|sum|bucket)(_|$)/);
    }
  });

  test('has rising buckets for histograms, and for nothing else', () => {
    for (const name of NAMES) {
      const { type, buckets = [] } = definitionOf(name);
      expect([name, buckets.length > 0]).toEqual([name, type === 'histogram']);
      expect(buckets).toEqual([...new Set(buckets)].sort((a, b) => a - b));
    }
  });
});
