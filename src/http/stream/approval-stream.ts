import type { ApprovalReader } from '../../approvals/approval-reader.ts';
import { SSE } from './framing.ts';
import type { Sink } from './sink.ts';

const KEEP_ALIVE_MS = 10_000;

/** What every answer of the inbox's stream carries, with or without a body. */
export const INBOX_STREAM_HEADERS = {
  'content-type': SSE.contentType,
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/**
 * Writes how many approvals are pending, then each that changes, until the client goes. One that is too slow for what
 * comes is cut off: it comes back and reads the list anew.
 */
export async function pumpApprovals(
  reader: ApprovalReader,
  pending: number,
  sink: Sink,
  keepAliveMs = KEEP_ALIVE_MS,
): Promise<void> {
  reader.onOverflow(() => sink.cut());
  const heartbeat = setInterval(() => sink.ping(SSE.keepAlive), keepAliveMs);
  try {
    await sink.write(SSE.opening + event('snapshot', JSON.stringify({ pending })));
    for (;;) {
      const approval = await reader.next();
      if (approval === undefined) return;
      const written = sink.write(event('approval', approval));
      heartbeat.refresh();
      if (written !== undefined) await written;
    }
  } finally {
    clearInterval(heartbeat);
  }
}

/** JSON has no raw line break, so that it is one `data` line. */
function event(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`;
}
