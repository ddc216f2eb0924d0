import { z } from 'zod';
import { listChunks, loggedChunkSchema } from '../../chunks/list-chunks.ts';
import { transaction } from '../../db/database.ts';
import { readLogHead } from '../../executions/log-head.ts';
import { type Answer, json } from '../answer.ts';
import { integer, uuid } from '../query-fields.ts';
import { type Route, route } from '../route.ts';
import { resolveCursor } from '../stream/cursor.ts';
import { refuseExpired, streamExecution, streamHeaders } from '../stream/execution-stream.ts';
import { framingOf, NDJSON, SSE } from '../stream/framing.ts';

const params = z.object({ id: uuid });
const headerDescriptions = {
  'x-execution-id': 'The execution.',
  'x-workflow-run-id': 'The same.',
  'x-execution-status': 'Its status when the stream was opened.',
  'x-stream-tail': 'The seq of the last row at that time; 0 if there was none.',
  'x-workflow-stream-tail-index': 'The same as a zero-based index; -1 if there was none.',
};

const stream = route({
  method: 'get',
  path: '/executions/{id}/stream',
  scope: 'executions:read',
  tokens: { execution: 'read', thread: 'read' },
  operationId: 'streamExecution',
  summary: 'Stream the log of an execution',
  description:
    'Replay, then live: every row after the cursor once, in order, with the same bytes for every reader. ' +
    'Ends with `[DONE]`; a stream that closes without it was cut, and goes on with the cursor. ' +
    'HEAD gives the headers alone. With `Accept: application/x-ndjson` each row is a line of JSON.',
  tag: 'Executions',
  params,
  headers: z.object({
    'last-event-id': z
      .string()
      .optional()
      .meta({ description: 'The seq of the last row that was received.' }),
  }),
  query: z.strictObject({
    after: z.string().optional().meta({ description: 'The same, for clients that cannot set headers.' }),
    startIndex: z
      .string()
      .optional()
      .meta({ description: 'How many rows the client has; a negative number counts back from the end.' }),
    until: z.enum(['suspended']).optional().meta({ description: 'Ends it when a person has to act, too.' }),
  }),
  answers: {
    200: {
      description: 'The rows after the cursor, then those to come.',
      content: { 'text/event-stream': z.string(), 'application/x-ndjson': z.string() },
      headers: headerDescriptions,
    },
    204: { description: 'The execution is final, and Last-Event-ID is its last row: stop reconnecting.' },
  },
  problems: ['bad-cursor', 'log-expired'],
  handle: async ({ scope, params: { id }, query, headers, prefers }, deps): Promise<Answer> => {
    const head = await readLogHead(deps.db.orm, scope, id);
    const lastEventId = headers['last-event-id'];
    const after = resolveCursor(
      { lastEventId, after: query.after, startIndex: query.startIndex },
      head.lastSeq,
    );
    if (head.final && lastEventId !== undefined && lastEventId !== '' && after === head.lastSeq) {
      return { kind: 'empty', status: 204, headers: streamHeaders(head) };
    }
    const framing = framingOf(prefers([SSE.contentType, NDJSON.contentType]));
    return streamExecution(deps, {
      scope,
      head,
      after,
      framing,
      untilSuspended: query.until === 'suspended',
    });
  },
});

const chunks = route({
  method: 'get',
  path: '/executions/{id}/chunks',
  scope: 'executions:read',
  tokens: { execution: 'read', thread: 'read' },
  operationId: 'listChunks',
  summary: 'Read the log of an execution as JSON',
  tag: 'Executions',
  params,
  query: z.strictObject({
    after: z.string().optional().meta({ description: 'The seq to go on after. Default: 0.' }),
    limit: integer(1, 5000).default(1000),
  }),
  answers: {
    200: {
      description: 'A stretch of the log.',
      content: {
        'application/json': z.object({
          data: z.array(loggedChunkSchema),
          nextAfter: z.int().meta({ description: 'Where to go on; all was read when it is lastSeq.' }),
          lastSeq: z.int(),
          final: z.boolean().meta({ description: 'No row will come after lastSeq.' }),
        }),
      },
    },
  },
  problems: ['bad-cursor', 'log-expired'],
  handle: ({ scope, params: { id }, query }, { db }) =>
    transaction(
      db,
      async (tx) => {
        const head = await readLogHead(tx, scope, id);
        const after = resolveCursor({ after: query.after }, head.lastSeq);
        refuseExpired(head, after);
        const data = await listChunks(tx, head.executionNo, { after, limit: query.limit });
        return json({ data, nextAfter: data.at(-1)?.seq ?? after, lastSeq: head.lastSeq, final: head.final });
      },
      'repeatable read',
    ),
});

export const executionLogRoutes: Route[] = [stream, chunks];
