import { getEventListeners } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import { endOf, type LogRow, LogStretch } from '../../src/chunks/row.ts';

function row(seq: number, n: number, size = 1): LogRow {
  const chunks = Array.from({ length: n }, (_, i) => `${seq + i}:${'x'.repeat(size)}`).join('\n');
  return { seq, n, attempt: 1, turn: 1, chunks };
}

describe('recent rows', () => {
  test('hold what follows a cursor, or nothing: never something with a gap before it', () => {
    const log = fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(9)), { maxLength: 20 });
    fc.assert(
      fc.property(log, fc.nat(60), (stretches, cursor) => {
        const recent = new RecentRows();
        const follower = recent.follow(1);
        let seq = 1;
        for (const [n, luck] of stretches) {
          // Some rows are written by somebody else, so that this process does not see them.
          if (luck > 1) recent.publish(1, [row(seq, n)]);
          seq += n;
        }
        const lines = [...new LogStretch(follower.recent(cursor), cursor)];
        expect(lines.map((line) => line.seq)).toEqual(lines.map((_, i) => cursor + 1 + i));
      }),
    );
  });

  test('that come late, twice or out of order are no gap either', () => {
    const rows = [row(1, 3), row(4, 1), row(5, 2), row(7, 4)];
    fc.assert(
      fc.property(fc.array(fc.nat(3), { maxLength: 12 }), fc.nat(12), (order, cursor) => {
        const recent = new RecentRows();
        const follower = recent.follow(1);
        for (const i of order) recent.publish(1, [rows[i] as LogRow]);
        const lines = [...new LogStretch(follower.recent(cursor), cursor)];
        expect(lines.map((line) => line.seq)).toEqual(lines.map((_, i) => cursor + 1 + i));
        for (const line of lines) expect(line.chunk).toBe(`${line.seq}:x`);
      }),
    );
  });

  test('are few, however slow a reader is, and the newest stays even when it is big', () => {
    const recent = new RecentRows();
    const follower = recent.follow(1);
    for (let seq = 1; seq <= 1000; seq++) recent.publish(1, [row(seq, 1, 1000)]);
    expect(follower.recent(0)).toEqual([]);
    const kept = [...Array(1000).keys()].map((cursor) => follower.recent(cursor).length);
    expect(Math.max(...kept)).toBeLessThan(70);
    recent.publish(1, [row(1001, 1, 900_000)]);
    expect(follower.recent(1000)).toHaveLength(1);
    expect(follower.recent(999)).toHaveLength(0);
  });

  test('are kept for nobody who does not follow', () => {
    const recent = new RecentRows();
    recent.publish(1, [row(1, 1)]);
    const late = recent.follow(1);
    expect(late.recent(0)).toEqual([]);
    late.close();
    const other = recent.follow(2);
    recent.publish(1, [row(2, 1)]);
    expect(other.recent(0)).toEqual([]);
    expect(endOf(row(2, 3))).toBe(4);
  });
});

describe('news', () => {
  test('wakes every follower of the execution once, and only those', async () => {
    const recent = new RecentRows();
    const followers = [recent.follow(1), recent.follow(1)];
    const left = new AbortController();
    const other = recent.follow(2, left.signal);
    const woken: string[] = [];
    const waits = followers.map((follower, i) => follower.news(60_000).then(() => woken.push(`${i}`)));
    const elsewhere = other.news(60_000).then(() => woken.push('other'));
    recent.publish(1, [row(1, 1)]);
    await Promise.all(waits);
    expect(woken.sort()).toEqual(['0', '1']);
    left.abort();
    await elsewhere;
  });

  test('that came since the last look is not missed', async () => {
    const recent = new RecentRows();
    const follower = recent.follow(1);
    recent.publish(1, [row(1, 1)]);
    await follower.news(60_000);
    let isWoken = false;
    const wait = async () => {
      await follower.news(60_000);
      isWoken = true;
    };
    const next = wait();
    await Promise.resolve();
    expect(isWoken).toBe(false);
    recent.publish(1, [row(2, 1)]);
    await next;
  });

  test('is waited for no longer than asked, and not at all by one who has left', async () => {
    const recent = new RecentRows();
    const follower = recent.follow(1);
    expect(await follower.news(1)).toBe(false);
    expect(await follower.news(1)).toBe(false);
    const gone = recent.follow(1, AbortSignal.abort());
    expect(await gone.news(60_000)).toBe(true);
    const waiting = follower.news(60_000);
    follower.close();
    follower.close();
    gone.close();
    expect(await waiting).toBe(true);
    expect(recent.readers).toBe(0);
  });

  test('may be that something other than rows has changed', async () => {
    const recent = new RecentRows();
    const follower = recent.follow(1);
    const waiting = follower.news(60_000);
    expect(recent.heard(1, 0)).toBe(false);
    expect(await waiting).toBe(true);
  });

  test('leaves no listener behind on a signal that lives long, however often it is waited for', async () => {
    const recent = new RecentRows();
    const { signal } = new AbortController();
    for (let reader = 0; reader < 3; reader++) {
      const follower = recent.follow(1, signal);
      for (let seq = 1; seq <= 20; seq++) {
        const news = follower.news(60_000);
        recent.publish(1, [row(seq, 1)]);
        await news;
      }
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
      follower.close();
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('how far readers are', () => {
  test('is told by the one that is furthest behind', () => {
    const recent = new RecentRows();
    const [fast, slow] = [recent.follow(1), recent.follow(1)];
    recent.publish(1, [row(1, 4)]);
    fast.recent(4);
    slow.recent(1);
    expect(recent.greatestLag).toBe(3);
    slow.close();
    expect(recent.greatestLag).toBe(0);
  });

  test('is told with the time since the commit, when rows come from memory', () => {
    const seconds: number[] = [];
    const recent = new RecentRows({ onDelivery: (each) => seconds.push(each) });
    const follower = recent.follow(1);
    recent.publish(1, [row(1, 1)], 5000);
    follower.recent(0);
    follower.recent(1);
    expect(seconds).toHaveLength(1);
    expect(seconds[0]).toBeGreaterThanOrEqual(5);
    recent.publish(1, [row(2, 1)], null);
    follower.recent(1);
    expect(seconds).toHaveLength(1);
  });
});
