import { type FollowDeps, followThread } from '../../threads/follow-thread.ts';
import type { ThreadStart } from '../../threads/thread-cursor.ts';
import type { ThreadEvent } from '../../threads/thread-events.ts';
import type { StreamAnswer } from '../answer.ts';
import { AT_ONCE, pumpLive } from './live.ts';
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
      ...AT_ONCE,
      'x-vercel-ai-ui-message-stream': 'v1',
    },
    pump: (sink) =>
      pumpLive(sink, {
        opening: framing.opening,
        items: followThread(deps, threadNo, start, sink.signal),
        frame: (event) => frame(framing, event),
        keepAlive: framing.keepAlive,
        keepAliveMs: deps.keepAliveMs,
      }),
  };
}

function frame(framing: ThreadFraming, event: ThreadEvent): string {
  if (event.kind === 'deleted') return framing.done;
  if (event.kind === 'chunks') return framing.chunks(event.ordinal, event.stretch);
  return framing.named(event.kind, event.data);
}
