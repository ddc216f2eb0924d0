import { type FollowDeps, followThread } from '../../threads/follow-thread.ts';
import type { ThreadStart } from '../../threads/thread-cursor.ts';
import type { ThreadEvent } from '../../threads/thread-events.ts';
import type { StreamAnswer } from '../answer.ts';
import { KEEP_ALIVE_MS } from './execution-stream.ts';
import type { Sink } from './sink.ts';
import type { ThreadFraming } from './thread-framing.ts';

export interface ThreadStreamDeps extends FollowDeps {
  readonly keepAliveMs?: number;
}

/** All that happens in a thread, as an answer that ends only when the thread is deleted. */
export function streamThread(
  deps: ThreadStreamDeps,
  threadNo: number,
  start: ThreadStart,
  framing: ThreadFraming,
): StreamAnswer {
  return {
    kind: 'stream',
    status: 200,
    headers: {
      'content-type': framing.contentType,
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-vercel-ai-ui-message-stream': 'v1',
    },
    pump: (sink) => pump(deps, threadNo, start, framing, sink),
  };
}

async function pump(
  deps: ThreadStreamDeps,
  threadNo: number,
  start: ThreadStart,
  framing: ThreadFraming,
  sink: Sink,
): Promise<void> {
  const heartbeat = setInterval(() => sink.ping(framing.keepAlive), deps.keepAliveMs ?? KEEP_ALIVE_MS);
  try {
    if (framing.opening !== '') await sink.write(framing.opening);
    for await (const event of followThread(deps, threadNo, start, sink.signal)) {
      const written = sink.write(frame(framing, event));
      heartbeat.refresh();
      if (written !== undefined) await written;
    }
  } finally {
    clearInterval(heartbeat);
  }
}

function frame(framing: ThreadFraming, event: ThreadEvent): string {
  if (event.kind === 'deleted') return framing.done;
  if (event.kind === 'chunks') return framing.chunks(event.ordinal, event.stretch);
  return framing.named(event.kind, event.data);
}
