import type { ApprovalReader } from '../../approvals/approval-reader.ts';
import { SSE, sseEvent } from './framing.ts';
import { AT_ONCE, pumpLive } from './live.ts';
import type { Sink } from './sink.ts';

/** What every answer of the inbox's stream carries, with or without a body. */
export const INBOX_STREAM_HEADERS = { 'content-type': SSE.contentType, ...AT_ONCE };

/**
 * Writes how many approvals are pending, then each that changes, until the client goes. One that is too slow for what
 * comes is cut off: it comes back and reads the list anew.
 */
export function pumpApprovals(
  reader: ApprovalReader,
  pending: number,
  sink: Sink,
  keepAliveMs: number | undefined,
): Promise<void> {
  reader.onOverflow(() => sink.cut());
  return pumpLive(sink, {
    opening: SSE.opening + sseEvent('snapshot', JSON.stringify({ pending })),
    items: approvalsOf(reader),
    frame: (approval) => sseEvent('approval', approval),
    keepAlive: SSE.keepAlive,
    keepAliveMs,
  });
}

/** Approvals as JSON, until the reader has gone. */
async function* approvalsOf(reader: ApprovalReader): AsyncGenerator<string, void, undefined> {
  for (;;) {
    const approval = await reader.next();
    if (approval === undefined) return;
    yield approval;
  }
}
