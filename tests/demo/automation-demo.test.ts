import { expect, test } from '@jest/globals';
import { play } from './play.ts';

const DEADLINE_MS = 120_000;

test(
  'the demo of automations ends by itself, and everything in it is as promised',
  async () => {
    const { code, out, errors } = await play('demo:automation');
    if (code !== 0) throw new Error(`It ended with ${code}\n${out}\n${errors}`);
    expect(out).toContain('✗ kill -9 ');
    expect(out).toContain('openssl dgst -sha256 -hmac "$secret"');
    expect(out).toMatch(/: skipped, missed/);
    expect(out).toMatch(/✓ what was accepted before the crash ran after it/);
    expect(out).toMatch(/✓ the same delivery after the crash was answered with the same ids/);
  },
  DEADLINE_MS,
);
