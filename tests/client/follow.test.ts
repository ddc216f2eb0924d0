import { describe, expect, test } from '@jest/globals';
import { createOutlastClient, type LogRow } from '../../packages/client/src/index.ts';
import { waitFor } from '../support/wait-for.ts';

const HEADERS = { 'content-type': 'text/event-stream' };
const row = (seq: number) => `id: ${seq}\ndata: {"type":"text-delta","id":"t","delta":"${seq}"}\n\n`;
const DONE = 'data: [DONE]\n\n';

/** A client whose requests for a stream are answered with these, one after the other. */
function answering(answers: (() => Response)[], environment: object = { random: () => 0 }) {
  const urls: string[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  const fetch = (async (url: string, init: { signal?: AbortSignal }) => {
    urls.push(url);
    signals.push(init.signal);
    return answers.shift()?.() ?? new Response(null, { status: 404 });
  }) as unknown as typeof globalThis.fetch;
  return { client: createOutlastClient({ baseUrl: 'http://x', fetch, environment }), urls, signals };
}

async function seqsOf(rows: AsyncIterable<LogRow>, seqs: number[] = []): Promise<number[]> {
  for await (const { seq } of rows) seqs.push(seq);
  return seqs;
}

describe('a stream over connections', () => {
  test('leaves out what it has, and asks again for what is missing', async () => {
    const { client, urls } = answering([
      () => new Response(row(1) + row(2) + row(2) + row(1) + row(4), { headers: HEADERS }),
      () => new Response(row(2) + row(3) + row(4) + DONE, { headers: HEADERS }),
    ]);
    expect(await seqsOf(client.executions.stream('e'))).toEqual([1, 2, 3, 4]);
    expect(urls[1]).toContain('after=2');
  });

  test('does not take a clean end for the end', async () => {
    const { client, urls } = answering([
      () => new Response(row(1), { headers: HEADERS }),
      () => new Response(row(2) + DONE, { headers: HEADERS }),
    ]);
    expect(await seqsOf(client.executions.stream('e'))).toEqual([1, 2]);
    expect(urls).toHaveLength(2);
  });

  test('says so when something that is no stream answers', async () => {
    const { client } = answering([() => new Response('<p>', { headers: { 'content-type': 'text/html' } })]);
    await expect(seqsOf(client.executions.stream('e'))).rejects.toThrow('baseUrl');
  });

  test('reads only as fast as rows are taken', async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += 1;
          controller.enqueue(new TextEncoder().encode(row(pulled)));
        },
      },
      { highWaterMark: 0 },
    );
    const { client } = answering([() => new Response(body, { headers: HEADERS })]);
    const rows = client.executions.stream('e');
    for (let taken = 1; taken <= 5; taken++) {
      expect((await rows.next()).value?.seq).toBe(taken);
      expect(pulled).toBe(taken);
    }
    await rows.return?.();
  });

  test('hangs up when nobody reads on', async () => {
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(row(1))),
      cancel: () => {
        isCancelled = true;
      },
    });
    const { client, signals } = answering([() => new Response(body, { headers: HEADERS })]);
    for await (const _ of client.executions.stream('e')) break;
    expect(signals[0]?.aborted).toBe(true);
    await waitFor(() => isCancelled, { describe: 'the connection to be closed' });
  });

  test('gives nothing more after an abort, also of what has come already', async () => {
    const { client } = answering([() => new Response(row(1) + row(2) + row(3), { headers: HEADERS })]);
    const controller = new AbortController();
    const seqs: number[] = [];
    for await (const { seq } of client.executions.stream('e', { signal: controller.signal })) {
      seqs.push(seq);
      controller.abort();
    }
    expect(seqs).toEqual([1]);
  });

  test('takes a connection for dead that is silent for too long, also when timers slept', async () => {
    let now = 0;
    const timers: { ms: number; call: () => void }[] = [];
    const wakes = new Set<() => void>();
    const environment = {
      random: () => 0,
      now: () => now,
      after: (ms: number, call: () => void) => {
        if (ms === 0) setImmediate(call);
        const timer = { ms, call };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), 1);
      },
      onWake: (call: () => void) => {
        wakes.add(call);
        return () => void wakes.delete(call);
      },
    };
    const hanging = (text: string) => () =>
      new Response(
        new ReadableStream<Uint8Array>({
          start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
        }),
        { headers: HEADERS },
      );
    const ended = () => new Response(row(3) + DONE, { headers: HEADERS });
    const { client, urls, signals } = answering([hanging(row(1)), hanging(row(2)), ended], environment);
    const seqs: number[] = [];
    const read = seqsOf(client.executions.stream('e'), seqs);
    const waits = () => timers.some(({ ms }) => ms > 1000);
    await waitFor(() => seqs.length === 1 && waits(), { describe: 'the first row' });
    timers.find(({ ms }) => ms > 1000)?.call();
    await waitFor(() => seqs.length === 2 && waits(), { describe: 'the second row' });
    expect(signals[0]?.aborted).toBe(true);
    for (const wake of wakes) wake();
    expect(urls).toHaveLength(2);
    now = 60_000;
    for (const wake of wakes) wake();
    expect(await read).toEqual([1, 2, 3]);
    expect(timers.filter(({ ms }) => ms > 1000)).toEqual([]);
  });
});
