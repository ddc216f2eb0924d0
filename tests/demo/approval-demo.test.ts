import { expect, test } from '@jest/globals';
import { play } from './play.ts';

const DEADLINE_MS = 120_000;

test(
  'the demo of an approval ends by itself, and everything in it is as promised',
  async () => {
    const { code, out, errors } = await play('demo:approval');
    if (code !== 0) throw new Error(`It ended with ${code}\n${out}\n${errors}`);
    expect(out).toContain('✗ kill -9 ');
    expect(out).toMatch(/"decision":"approve","input":\{"orderId":"42","amount":49\.9\}/);
    expect(out).toMatch(/✓ the tool took effect once, .*"input":\{"orderId":"42","amount":49\.9\}/);
    expect(out).toMatch(/✓ the timeline says who edited: local/);
  },
  DEADLINE_MS,
);
