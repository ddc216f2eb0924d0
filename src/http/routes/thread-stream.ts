import { z } from 'zod';
import { findThreadNo } from '../../threads/find-thread-no.ts';
import { resolveThreadCursor } from '../../threads/thread-cursor.ts';
import { threadIdSchema } from '../../threads/view.ts';
import { type Route, route } from '../route.ts';
import { parseThreadCursor } from '../stream/cursor.ts';
import { NDJSON, SSE } from '../stream/framing.ts';
import { threadFramingOf } from '../stream/thread-framing.ts';
import { streamThread } from '../stream/thread-stream.ts';

const attach = route({
  method: 'get',
  path: '/threads/{id}/stream',
  scope: 'executions:read',
  tokens: { thread: 'read' },
  operationId: 'streamThread',
  summary: 'Attach to a thread',
  description:
    'One connection for every execution of the thread, past the end of each; it waits while the thread is idle. ' +
    'Chunks have ids as `<ordinal>.<seq>`; `execution`, `thread-message`, `history` and `approval` are named events ' +
    'without one. `[DONE]` comes only when the thread was deleted; a stream that closes without it was cut.',
  tag: 'Threads',
  params: z.object({ id: threadIdSchema }),
  headers: z.object({
    'last-event-id': z
      .string()
      .optional()
      .meta({ description: 'The id of the last chunk that was received.' }),
  }),
  query: z.strictObject({
    after: z.string().optional().meta({
      description: 'The same, or the `streamCursor` of the messages. None: what runs now, then live.',
    }),
  }),
  answers: {
    200: {
      description: 'What happens in the thread.',
      content: { 'text/event-stream': z.string(), 'application/x-ndjson': z.string() },
    },
  },
  problems: ['bad-cursor'],
  handle: async ({ scope, params, query, headers, prefers }, deps) => {
    const cursor = parseThreadCursor({ lastEventId: headers['last-event-id'], after: query.after });
    const threadNo = await findThreadNo(deps.db.orm, scope, params.id);
    const start = await resolveThreadCursor(deps.db, threadNo, cursor);
    const framing = threadFramingOf(prefers([SSE.contentType, NDJSON.contentType]));
    return streamThread(deps, threadNo, start, framing);
  },
});

export const threadStreamRoutes: Route[] = [attach];
