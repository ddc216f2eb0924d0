import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeHints, decodeThreadHints, encodeHints } from '../../src/chunks/log-hints.ts';

const hint = fc.record({
  executionNo: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  lastSeq: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
});

describe('hints', () => {
  test('come out as they went in, however many there are', () => {
    fc.assert(
      fc.property(fc.array(hint, { maxLength: 2000 }), (hints) => {
        const payloads = encodeHints(hints);
        expect(payloads.flatMap(decodeHints)).toEqual(hints);
        // At 8,000 bytes Postgres refuses a notification.
        for (const payload of payloads) expect(payload.length).toBeLessThanOrEqual(7000);
      }),
    );
  });

  test('of threads go with those of logs', () => {
    const threadNo = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(fc.array(hint), fc.array(threadNo, { maxLength: 2000 }), (hints, threadNos) => {
        const payloads = encodeHints(hints, threadNos);
        expect(payloads.flatMap(decodeHints)).toEqual(hints);
        expect(payloads.flatMap(decodeThreadHints)).toEqual(threadNos);
        for (const payload of payloads) expect(payload.length).toBeLessThanOrEqual(7000);
      }),
    );
    expect(decodeThreadHints('t.,t.-1,1:2,x.1,tt.1,t.1z')).toEqual([71]);
  });

  test('that somebody else made up are passed over', () => {
    expect(decodeHints('hello, world:,1:2,-1:3,:,1:2:3, 4:5')).toEqual([{ executionNo: 1, lastSeq: 2 }]);
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(decodeHints(text))));
  });
});
