import type { OPERATIONS } from './generated.ts';
import { type Connection, type ConnectionOptions, connect } from './http/connection.ts';
import { type Method, methodOf, type OperationId } from './http/operation.ts';
import { type InboxEvent, type InboxOptions, streamApprovals } from './stream/approval-stream.ts';
import { type AttachOptions, attachThread, type ThreadEvent } from './stream/attach-thread.ts';
import { type LogRow, type StreamOptions, streamExecution } from './stream/execution-stream.ts';

/** Each method of the client, by noun, and the operation that it is. */
export const METHODS = {
  agents: { list: 'listAgents', get: 'getAgent' },
  executions: {
    start: 'startExecution',
    list: 'listExecutions',
    get: 'getExecution',
    wait: 'waitForExecution',
    chunks: 'listChunks',
    timeline: 'getTimeline',
    cancel: 'cancelExecution',
    retry: 'retryExecution',
    fork: 'forkExecution',
    decide: 'decideToolCall',
    createToken: 'createExecutionToken',
  },
  approvals: {
    list: 'listApprovals',
    get: 'getApproval',
    decide: 'decideApproval',
    decideMany: 'decideApprovals',
    assign: 'assignApproval',
  },
  threads: {
    create: 'createThread',
    list: 'listThreads',
    get: 'getThread',
    update: 'updateThread',
    delete: 'deleteThread',
    messages: 'listMessages',
    message: 'getMessage',
    send: 'postMessage',
    edit: 'editMessage',
    regenerate: 'regenerateMessage',
    stop: 'stopChat',
    createToken: 'createThreadToken',
  },
  apps: { challenge: 'getChallenge', openSession: 'createSession' },
  automations: {
    create: 'createAutomation',
    list: 'listAutomations',
    get: 'getAutomation',
    update: 'updateAutomation',
    delete: 'deleteAutomation',
    pause: 'pauseAutomation',
    resume: 'resumeAutomation',
    fire: 'fireAutomation',
    firings: 'listFirings',
    upcoming: 'listUpcoming',
    deliver: 'receiveWebhook',
  },
  events: { raise: 'raiseEvent' },
  notifications: {
    list: 'listNotifications',
    get: 'getNotification',
    resend: 'resendNotification',
  },
  audit: { list: 'listAudit' },
  server: {
    health: 'getHealth',
    readiness: 'getReadiness',
    version: 'getVersion',
    metrics: 'getMetrics',
    openApi: 'getOpenApi',
    docs: 'getDocs',
    docsAsset: 'getDocsAsset',
    problems: 'getProblemsPage',
  },
} as const satisfies Record<string, Record<string, OperationId>>;

/** What answers with a stream is not one request: these have code of their own. */
export const STREAMS = {
  'executions.stream': 'streamExecution',
  'approvals.stream': 'streamApprovals',
  'threads.attach': 'streamThread',
  'OutlastChatTransport.sendMessages': 'sendChat',
  'OutlastChatTransport.reconnectToStream': 'resumeChat',
} as const satisfies Record<string, OperationId>;

type Nouns = { [Noun in keyof typeof METHODS]: Verbs<(typeof METHODS)[Noun]> };
type Verbs<Table> = {
  [Verb in keyof Table]: Table[Verb] extends keyof typeof OPERATIONS ? Method<Table[Verb]> : never;
};

interface Streams {
  executions: {
    /** The rows of an execution's log after a cursor, then those to come, each once and in order. */
    stream(id: string, options?: StreamOptions): AsyncIterableIterator<LogRow>;
  };
  approvals: {
    /** Every change of the approvals that the caller may decide. */
    stream(options?: InboxOptions): AsyncIterableIterator<InboxEvent>;
  };
  threads: {
    /** Everything that happens in a thread, past the end of each execution. */
    attach(id: string, options?: AttachOptions): AsyncIterableIterator<ThreadEvent>;
  };
}

/** A client of one server. Requests that fail throw an `OutlastProblem`; streams go on by themselves. */
export type OutlastClient = Nouns & Streams & { readonly connection: Connection };

export function createOutlastClient(options: ConnectionOptions): OutlastClient {
  const connection = connect(options);
  const nouns = mapValues(METHODS, (verbs) =>
    mapValues(verbs, (id: OperationId) => methodOf(connection, id)),
  ) as unknown as Nouns;
  return {
    connection,
    ...nouns,
    executions: {
      ...nouns.executions,
      stream: (id, options) => streamExecution(connection, id, options),
    },
    approvals: {
      ...nouns.approvals,
      stream: (options) => streamApprovals(connection, options),
    },
    threads: {
      ...nouns.threads,
      attach: (id, options) => attachThread(connection, id, options),
    },
  };
}

function mapValues<V, W>(object: Readonly<Record<string, V>>, map: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
}
