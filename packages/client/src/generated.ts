/* Made from the schemas of the server by `npm run generate:client`. Not to be edited. */

export type Trigger =
  | {
      type: 'schedule';
      /** 5 fields, or 6 with seconds first. */
      cron: string;
      /** As in the IANA time zone database. */
      timezone?: string;
    }
  | {
      type: 'webhook';
      signature:
        | {
            preset: 'github' | 'stripe' | 'slack' | 'standard';
          }
        | {
            /** The header that holds the signature. */
            header: string;
            algorithm: 'sha256' | 'sha512' | 'sha1';
            encoding?: 'hex' | 'base64';
            /** What stands before the signature. */
            prefix?: string;
            /** What is signed: text with {body}, and {timestamp} and {id} where they are, too. */
            signedPayload?: string;
          }
        | {
            /** The header that holds the secret itself. */
            header: string;
            algorithm: 'plain';
            /** What stands before it, such as `Bearer `. */
            prefix?: string;
          }
        | 'none';
      /** The header that holds the id of a delivery, where it is not the usual one. */
      dedupeHeader?: string;
      /** The header that holds the time of signing, where no preset says it. */
      timestampHeader?: string;
      /** How far the time of signing may be from now, either way. */
      toleranceSeconds?: number;
      /** What the sender signs with, or shows; made if absent. Answered once, when it is made or changed. */
      secret?: string;
    }
  | {
      type: 'event';
      name: string;
      /** What the payload must have, as a subset: objects by their keys, all else as equal JSON. */
      match?: {
        [k: string]: unknown;
      };
    };

export interface Operations {
  /** List the agents */
  listAgents: {
    query: undefined;
    body: undefined;
    answer: {
      data: Agent[];
      nextCursor: null;
    };
  };
  /** Get an agent */
  getAgent: {
    query: undefined;
    body: undefined;
    answer: Agent;
  };
  /** Start an execution */
  startExecution: {
    query: undefined;
    body: NewExecution;
    answer: {
      execution: Execution;
    };
  };
  /** List executions, newest first */
  listExecutions: {
    query: {
      status?: ('queued' | 'running' | 'suspended' | 'completed' | 'failed' | 'cancelled')[];
      agentId?: string;
      threadId?: string;
      source?: 'api' | 'chat' | 'automation' | 'gateway' | 'agent';
      automationId?: string;
      /** Inclusive. */
      createdAfter?: string;
      /** Exclusive. */
      createdBefore?: string;
      limit?: number;
      cursor?: string;
      metadata?: {
        [k: string]: string;
      };
    };
    body: undefined;
    answer: {
      data: Execution[];
      nextCursor: string | null;
    };
  };
  /** Answer again after a failure or a cancel */
  retryExecution: {
    query: undefined;
    body: Record<string, never> | undefined;
    answer: {
      execution: Execution;
    };
  };
  /** Go on from a turn in a thread of its own */
  forkExecution: {
    query: undefined;
    body: {
      /** The last turn that is kept, from 1. */
      fromTurn: number;
    };
    answer: {
      execution: Execution;
    };
  };
  /** Cancel an execution */
  cancelExecution: {
    query: undefined;
    body:
      | {
          reason?: string;
          mode?: 'interrupt' | 'discard';
        }
      | undefined;
    answer: {
      execution: Execution;
    };
  };
  /** Delete a thread */
  deleteThread: {
    query: undefined;
    body: undefined;
    answer: undefined;
  };
  /** Get a thread */
  getThread: {
    query: undefined;
    body: undefined;
    answer: Thread;
  };
  /** Change the title or the metadata of a thread */
  updateThread: {
    query: undefined;
    body: ThreadPatch;
    answer: Thread;
  };
  /** Get an execution */
  getExecution: {
    query: undefined;
    body: undefined;
    answer: Execution;
  };
  /** Wait until an execution is final or suspended */
  waitForExecution: {
    query: {
      timeoutMs?: number;
    };
    body: undefined;
    answer: Execution;
  };
  /** What happened in an execution, in order */
  getTimeline: {
    query: undefined;
    body: undefined;
    answer: {
      data: TimelineEntry[];
    };
  };
  /** Stream the log of an execution */
  streamExecution: {
    query: {
      /** The same, for clients that cannot set headers. */
      after?: string | number;
      /** How many rows the client has; a negative number counts back from the end. */
      startIndex?: string;
      /** Ends it when a person has to act, too. */
      until?: 'suspended';
    };
    body: undefined;
    answer: undefined;
  };
  /** Read the log of an execution as JSON */
  listChunks: {
    query: {
      /** The seq to go on after. Default: 0. */
      after?: string | number;
      limit?: number;
    };
    body: undefined;
    answer: {
      data: LoggedChunk[];
      /** Where to go on; all was read when it is lastSeq. */
      nextAfter: number;
      lastSeq: number;
      /** No row will come after lastSeq. */
      final: boolean;
    };
  };
  /** Make a thread */
  createThread: {
    query: undefined;
    body: NewThread;
    answer: Thread;
  };
  /** List threads, newest first */
  listThreads: {
    query: {
      agentId?: string;
      /** Inclusive. */
      createdAfter?: string;
      /** Exclusive. */
      createdBefore?: string;
      limit?: number;
      cursor?: string;
      metadata?: {
        [k: string]: string;
      };
    };
    body: undefined;
    answer: {
      data: Thread[];
      nextCursor: string | null;
    };
  };
  /** List the messages of a thread, oldest first */
  listMessages: {
    query: {
      order?: 'asc' | 'desc';
      /** Leaves out the message that is still being written. */
      omitActive?: boolean;
      limit?: number;
      cursor?: string;
    };
    body: undefined;
    answer: {
      data: Message[];
      nextCursor: string | null;
      /** As <ordinal>.<seq>: where to go on to miss nothing that comes after these. */
      streamCursor: string;
    };
  };
  /** Add a message and have it answered */
  postMessage: {
    query: undefined;
    body: NewMessage;
    answer: {
      message: Message;
      execution: Execution;
    };
  };
  /** Get a message */
  getMessage: {
    query: undefined;
    body: undefined;
    answer: Message;
  };
  /** Edit a message of a user and have it answered again */
  editMessage: {
    query: undefined;
    body: EditedMessage;
    answer: {
      message: Message;
      execution: Execution;
    };
  };
  /** Drop an answer and answer again */
  regenerateMessage: {
    query: undefined;
    body:
      | {
          agentId?: string;
        }
      | undefined;
    answer: {
      message: Message;
      execution: Execution;
    };
  };
  /** Attach to a thread */
  streamThread: {
    query: {
      /** The same, or the `streamCursor` of the messages. None: what runs now, then live. */
      after?: string | number;
    };
    body: undefined;
    answer: undefined;
  };
  /** Make a token for one execution */
  createExecutionToken: {
    query: undefined;
    body: {
      scope: 'read' | 'decide' | 'cancel';
      /** It ends earlier with the key or the token that it was asked for with. */
      ttlSeconds?: number;
    };
    answer: {
      token: string;
      expiresAt: string;
    };
  };
  /** Make a token for one thread */
  createThreadToken: {
    query: undefined;
    body: {
      scope: 'read' | 'decide' | 'cancel' | 'write';
      /** It ends earlier with the key or the token that it was asked for with. */
      ttlSeconds?: number;
    };
    answer: {
      token: string;
      expiresAt: string;
    };
  };
  /** Decide several approvals */
  decideApprovals: {
    query: undefined;
    body: {
      decisions: {
        approvalId: string;
        decision: 'approve' | 'deny' | 'answer' | 'retry' | 'resolve';
        /** The model is told that of a denial. */
        reason?: string;
        /** With approve: what the tool is called with instead. Has to fit its schema. */
        input?: unknown;
        /** With answer: the output of the call. */
        answer?: unknown;
        /** With resolve: the output of the call. */
        output?: unknown;
        /** Of the input that was looked at; the decision is refused for any other. */
        inputHash?: string;
      }[];
    };
    answer: {
      results: {
        approvalId: string;
        /** The HTTP status that this decision alone would have been answered with. */
        status: number;
        approval?: Approval;
        problem?: Problem;
      }[];
    };
  };
  /** Decide what a tool call waits for */
  decideToolCall: {
    query: undefined;
    body: {
      approved: boolean;
      /** The model is told that of a denial. */
      reason?: string;
    };
    answer: Approval;
  };
  /** Decide an approval */
  decideApproval: {
    query: undefined;
    body: {
      decision: 'approve' | 'deny' | 'answer' | 'retry' | 'resolve';
      /** The model is told that of a denial. */
      reason?: string;
      /** With approve: what the tool is called with instead. Has to fit its schema. */
      input?: unknown;
      /** With answer: the output of the call. */
      answer?: unknown;
      /** With resolve: the output of the call. */
      output?: unknown;
      /** Of the input that was looked at; the decision is refused for any other. */
      inputHash?: string;
    };
    answer: Approval;
  };
  /** Say who is to look at an approval */
  assignApproval: {
    query: undefined;
    body: {
      assignee: string | null;
    };
    answer: Approval;
  };
  /** Make an automation */
  createAutomation: {
    query: undefined;
    body: NewAutomation;
    answer: Automation;
  };
  /** List automations, newest first */
  listAutomations: {
    query: {
      agentId?: string;
      enabled?: boolean;
      limit?: number;
      cursor?: string;
    };
    body: undefined;
    answer: {
      data: Automation[];
      nextCursor: string | null;
    };
  };
  /** Get an automation */
  getAutomation: {
    query: undefined;
    body: undefined;
    answer: Automation;
  };
  /** Change the settings of an automation */
  updateAutomation: {
    query: undefined;
    body: AutomationPatch;
    answer: Automation;
  };
  /** Delete an automation */
  deleteAutomation: {
    query: undefined;
    body: undefined;
    answer: undefined;
  };
  /** Start nothing by itself any more; what runs goes on */
  pauseAutomation: {
    query: undefined;
    body: Record<string, never> | undefined;
    answer: Automation;
  };
  /** Go on from now on */
  resumeAutomation: {
    query: undefined;
    body: Record<string, never> | undefined;
    answer: Automation;
  };
  /** Fire an automation now */
  fireAutomation: {
    query: undefined;
    body:
      | {
          /** Any JSON. */
          payload?: unknown;
        }
      | undefined;
    answer: {
      firing: Firing;
    };
  };
  /** List what an automation has done, newest first */
  listFirings: {
    query: {
      status?: ('fired' | 'enqueued' | 'skipped' | 'failed')[];
      limit?: number;
      cursor?: string;
    };
    body: undefined;
    answer: {
      data: Firing[];
      nextCursor: string | null;
    };
  };
  /** List when an automation is due next */
  listUpcoming: {
    query: {
      count?: number;
    };
    body: undefined;
    answer: {
      data: string[];
    };
  };
  /** Tell of an event */
  raiseEvent: {
    query: undefined;
    body: Event;
    answer: {
      firings: Firing[];
    };
  };
  /** Deliver a webhook */
  receiveWebhook: {
    query: undefined;
    body: unknown;
    answer:
      | {
          challenge: string;
        }
      | ReceivedWebhook;
  };
  /** List what the webhook is told, newest first */
  listNotifications: {
    query: {
      status?: ('pending' | 'delivered' | 'failed')[];
      type?: (
        | 'approval.requested'
        | 'approval.decided'
        | 'execution.completed'
        | 'execution.failed'
        | 'execution.cancelled'
        | 'automation.paused'
      )[];
      executionId?: string;
      approvalId?: string;
      limit?: number;
      cursor?: string;
    };
    body: undefined;
    answer: {
      data: Notification[];
      nextCursor: string | null;
    };
  };
  /** Get a notification with every try to deliver it */
  getNotification: {
    query: undefined;
    body: undefined;
    answer: NotificationDetails;
  };
  /** Send a notification again */
  resendNotification: {
    query: undefined;
    body: undefined;
    answer: Notification;
  };
  /** List what you may decide, oldest first */
  listApprovals: {
    query: {
      /** Default: pending. */
      status?: (
        | 'pending'
        | 'approved'
        | 'denied'
        | 'answered'
        | 'retried'
        | 'resolved'
        | 'expired'
        | 'cancelled'
      )[];
      agentId?: string;
      toolName?: string;
      kind?: 'approval' | 'question' | 'unknown-outcome';
      assignee?: string;
      threadId?: string;
      executionId?: string;
      /** Exclusive. */
      expiresBefore?: string;
      limit?: number;
      cursor?: string;
    };
    body: undefined;
    answer: {
      data: Approval[];
      nextCursor: string | null;
    };
  };
  /** Follow what you may decide */
  streamApprovals: {
    query: undefined;
    body: undefined;
    answer: undefined;
  };
  /** Get an approval with its history */
  getApproval: {
    query: undefined;
    body: undefined;
    answer: ApprovalDetail;
  };
  /** List who did what, newest first */
  listAudit: {
    query: {
      action?: (
        | 'execution.started'
        | 'execution.retried'
        | 'execution.forked'
        | 'execution.cancelled'
        | 'message.edited'
        | 'message.regenerated'
        | 'thread.created'
        | 'thread.updated'
        | 'thread.deleted'
        | 'approval.decided'
        | 'approval.assigned'
        | 'approval.expired'
        | 'automation.created'
        | 'automation.updated'
        | 'automation.deleted'
        | 'automation.paused'
        | 'automation.resumed'
        | 'automation.fired'
        | 'secret.rotated'
        | 'notification.resent'
        | 'key.created'
        | 'key.revoked'
        | 'token.created'
        | 'session.opened'
        | 'app.created'
        | 'app.disabled'
      )[];
      actor?: string;
      subjectType?:
        | 'execution'
        | 'message'
        | 'thread'
        | 'approval'
        | 'automation'
        | 'notification'
        | 'key'
        | 'token'
        | 'session'
        | 'app';
      subjectId?: string;
      executionId?: string;
      threadId?: string;
      /** Inclusive. */
      createdAfter?: string;
      /** Exclusive. */
      createdBefore?: string;
      limit?: number;
      cursor?: string;
    };
    body: undefined;
    answer: {
      data: AuditEntry[];
      nextCursor: string | null;
    };
  };
  /** Send what is new in a chat, and stream the answer */
  sendChat: {
    query: {
      /** The major version of the AI SDK; 7 if absent. */
      sdk?: '6' | '7';
    };
    body: ChatRequest;
    answer: undefined;
  };
  /** Go on with the answer of a chat */
  resumeChat: {
    query: {
      /** How many chunks the client has; a negative number counts back from the end. */
      startIndex?: string;
      /** The major version of the AI SDK; 7 if absent. */
      sdk?: '6' | '7';
    };
    body: undefined;
    answer: undefined;
  };
  /** End what is being written in a chat */
  stopChat: {
    query: undefined;
    body: undefined;
    answer:
      | {
          execution: Execution;
        }
      | undefined;
  };
  /** Ask for a proof of work */
  getChallenge: {
    query: undefined;
    body: undefined;
    answer: Challenge;
  };
  /** Give a stranger a token for threads of their own */
  createSession: {
    query: undefined;
    body: {
      /** As the ALTCHA widget gives it, in base64, or as JSON. */
      solution:
        | string
        | {
            challenge: Challenge;
            solution: {
              counter: number;
              derivedKey: string;
            };
          };
    };
    answer: {
      /** To be shown as `Authorization: Bearer`. It is given this once. */
      token: string;
      expiresAt: string;
    };
  };
  /** Is the process alive? */
  getHealth: {
    query: undefined;
    body: undefined;
    answer: {
      status: 'ok';
    };
  };
  /** Can it take work? */
  getReadiness: {
    query: undefined;
    body: undefined;
    answer: {
      status: 'ready';
      /** All of them say ok. */
      dependencies: {
        [k: string]: string;
      };
    };
  };
  /** Which version runs here? */
  getVersion: {
    query: undefined;
    body: undefined;
    answer: {
      version: string;
      node: string;
      applicationVersion: string;
    };
  };
  /** What does it count? */
  getMetrics: {
    query: undefined;
    body: undefined;
    answer: string;
  };
  /** This document */
  getOpenApi: {
    query: undefined;
    body: undefined;
    answer: {
      [k: string]: unknown;
    };
  };
  /** Read and try this API in a browser */
  getDocs: {
    query: undefined;
    body: undefined;
    answer: string;
  };
  /** What each problem means and what to do */
  getProblemsPage: {
    query: undefined;
    body: undefined;
    answer: string;
  };
  /** A script or style of the page */
  getDocsAsset: {
    query: undefined;
    body: undefined;
    answer: string;
  };
}
export interface Agent {
  id: string;
  description: string | null;
  /** As provider:model. */
  model: string | null;
  /** Its model is the built-in demo model, not a real one. */
  demo: boolean;
  tools: Tool[];
  /** Why it cannot run. */
  error: string | null;
}
export interface Tool {
  name: string;
  description: string;
  /** JSON Schema of its input. */
  inputSchema: {
    [k: string]: unknown;
  };
  /** conditional: it depends on the input. */
  needsApproval: boolean | 'conditional';
  idempotent: boolean;
  risk: 'low' | 'medium' | 'high';
}
export interface NewExecution {
  agentId?: string;
  /** Made if it does not exist; a new one if absent. */
  threadId?: string;
  input: string | UserMessage;
  /** At most 16 KB; lists can be filtered by it. */
  metadata?: {
    [k: string]: unknown;
  };
  /** When the thread has unfinished executions: run after them, refuse, or cancel them. Default: enqueue. */
  onBusy?: 'enqueue' | 'reject' | 'interrupt';
}
/**
 * An AI SDK UIMessage of a user, with text and file parts.
 *
 */
export interface UserMessage {
  id?: string;
  role: 'user';
  parts: (
    | {
        type: 'text';
        text: string;
        state?: 'streaming' | 'done';
        providerMetadata?: {
          [k: string]: unknown;
        };
      }
    | {
        type: 'file';
        mediaType: string;
        /** A `data:` URL, or an `https:` URL, which is fetched before the message is accepted and never again. */
        url: string;
        filename?: string;
        providerMetadata?: {
          [k: string]: unknown;
        };
      }
  )[];
}
/**
 * One durable answer of an agent in a thread.
 *
 */
export interface Execution {
  id: string;
  threadId: string;
  /** Its place in the thread, from 1. */
  ordinal: number;
  /** The id of the assistant message that it writes. */
  messageId: string;
  inputMessageId: string;
  agentId: string;
  source: 'api' | 'chat' | 'automation' | 'gateway' | 'agent';
  status: 'queued' | 'running' | 'suspended' | 'completed' | 'failed' | 'cancelled';
  suspendedReason: 'approval' | 'question' | 'unknown-outcome' | 'child' | 'budget' | 'timer' | null;
  /** The execution of the thread that it waits for. */
  blockedBy: string | null;
  attempt: number;
  segment: number;
  parentExecutionId: string | null;
  retryOf: string | null;
  automationId: string | null;
  /** An AI SDK UIMessage. */
  input: {
    id: string;
    role: 'user';
    parts: unknown[];
    [k: string]: unknown;
  };
  error: {
    code: string;
    detail: string;
  } | null;
  cancelReason: string | null;
  usage: {
    inputTokens: number;
    outputTokens: number;
    totalTokens: number;
    cachedInputTokens: number;
    reasoningTokens: number;
  };
  firstTokenMs: number | null;
  /** The last row of its log; 0 when that is empty. */
  lastSeq: number;
  metadata: {
    [k: string]: unknown;
  };
  createdAt: string;
  startedAt: string | null;
  suspendedAt: string | null;
  finishedAt: string | null;
}
/**
 * The ordered messages of one conversation.
 *
 */
export interface Thread {
  id: string;
  title: string | null;
  /** The agent that answered last. */
  agentId: string | null;
  status: 'idle' | 'queued' | 'running' | 'suspended';
  activeExecutionId: string | null;
  pendingApprovals: number;
  lastMessagePreview: string | null;
  metadata: {
    [k: string]: unknown;
  };
  createdAt: string;
  updatedAt: string;
}
export interface ThreadPatch {
  /** Null: none any more. */
  title?: string | null;
  /** A merge patch (RFC 7396): what is null goes, the rest is kept. */
  metadata?: {
    [k: string]: unknown;
  };
}
export interface TimelineEntry {
  kind: 'attempt' | 'turn' | 'retry' | 'tool' | 'approval' | 'suspension' | 'cancel';
  name: string;
  startedAt: string;
  endedAt: string | null;
  status: string;
  attempt: number | null;
  detail: {
    [k: string]: unknown;
  };
}
export interface LoggedChunk {
  seq: number;
  attempt: number;
  turn: number;
  at: string;
  /** An AI SDK UI message chunk. */
  chunk: {
    type: string;
    [k: string]: unknown;
  };
}
export interface NewThread {
  /** Made up if absent. */
  id?: string;
  title?: string | null;
  /** Answers messages that name no agent. */
  agentId?: string;
  /** At most 16 KB; lists can be filtered by it. */
  metadata?: {
    [k: string]: unknown;
  };
}
/**
 * An AI SDK UIMessage.
 *
 */
export interface Message {
  id: string;
  role: 'user' | 'assistant';
  parts: {
    type: string;
    [k: string]: unknown;
  }[];
  metadata: {
    executionId: string;
    /** active: still being written; partial: its execution did not complete. */
    status: 'active' | 'complete' | 'partial';
    [k: string]: unknown;
  };
}
export interface NewMessage {
  /** Made up if absent. Sent again with the same parts, it gets the same execution. */
  id?: string;
  parts?: (
    | {
        type: 'text';
        text: string;
        state?: 'streaming' | 'done';
        providerMetadata?: {
          [k: string]: unknown;
        };
      }
    | {
        type: 'file';
        mediaType: string;
        /** A `data:` URL, or an `https:` URL, which is fetched before the message is accepted and never again. */
        url: string;
        filename?: string;
        providerMetadata?: {
          [k: string]: unknown;
        };
      }
  )[];
  /** The same as one text part. */
  text?: string;
  agentId?: string;
  /** What to do when the thread has unfinished executions. */
  onBusy?: 'enqueue' | 'reject' | 'interrupt';
  /** If it is sent, it must be the one of the path. */
  threadId?: string;
}
export interface EditedMessage {
  parts?: (
    | {
        type: 'text';
        text: string;
        state?: 'streaming' | 'done';
        providerMetadata?: {
          [k: string]: unknown;
        };
      }
    | {
        type: 'file';
        mediaType: string;
        /** A `data:` URL, or an `https:` URL, which is fetched before the message is accepted and never again. */
        url: string;
        filename?: string;
        providerMetadata?: {
          [k: string]: unknown;
        };
      }
  )[];
  /** The same as one text part. */
  text?: string;
  agentId?: string;
}
/**
 * A question to a person that blocks a tool call.
 *
 */
export interface Approval {
  id: string;
  kind: 'approval' | 'question' | 'unknown-outcome';
  status: 'pending' | 'approved' | 'denied' | 'answered' | 'retried' | 'resolved' | 'expired' | 'cancelled';
  executionId: string;
  threadId: string;
  agentId: string;
  toolCallId: string;
  toolName: string;
  /** What the tool is to be called with. */
  input?: unknown;
  /** What an edited input has to fit. */
  inputSchema: {
    [k: string]: unknown;
  };
  /** `sha256:` and the hash of the input as RFC 8785 JSON, in hex. */
  inputHash: string;
  /** What was approved instead of the input; null if nothing was. */
  editedInput?: unknown;
  context: {
    lastUserMessage: string;
    textSoFar: string;
  };
  risk: 'low' | 'medium' | 'high';
  /** Of the decision. */
  reason: string | null;
  assignee: string | null;
  expiresAt: string | null;
  decidedBy: string | null;
  decidedAt: string | null;
  createdAt: string;
}
/**
 * RFC 9457. Decide by code; docs/problems explains each.
 *
 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  instance: string;
  code:
    | 'malformed-json'
    | 'bad-request'
    | 'bad-query'
    | 'bad-header'
    | 'bad-cursor'
    | 'thread-id-mismatch'
    | 'bad-signature'
    | 'unauthenticated'
    | 'forbidden'
    | 'origin-not-allowed'
    | 'may-not-decide'
    | 'not-found'
    | 'agent-not-found'
    | 'method-not-allowed'
    | 'request-timeout'
    | 'already-decided'
    | 'automation-paused'
    | 'approval-expired'
    | 'apps-off'
    | 'encryption-key-needed'
    | 'execution-finished'
    | 'idempotency-in-flight'
    | 'idempotency-key-reused'
    | 'input-changed'
    | 'message-id-reused'
    | 'message-not-editable'
    | 'notifications-off'
    | 'not-last'
    | 'not-retryable'
    | 'solution-spent'
    | 'thread-exists'
    | 'thread-busy'
    | 'turn-not-finished'
    | 'log-expired'
    | 'body-too-large'
    | 'unsupported-media-type'
    | 'agent-broken'
    | 'agent-required'
    | 'challenge-expired'
    | 'decision-not-applicable'
    | 'file-unavailable'
    | 'solution-invalid'
    | 'template-failed'
    | 'thread-id-required'
    | 'validation-failed'
    | 'rate-limited'
    | 'too-many-streams'
    | 'headers-too-large'
    | 'internal'
    | 'draining'
    | 'secret-unreadable'
    | 'unavailable';
  errors?: {
    pointer: string;
    message: string;
  }[];
}
export interface NewAutomation {
  name: string;
  /** If absent: the default agent, else `assistant`, else the only one. */
  agentId?: string;
  /** What the agent is told: a Mustache template over payload, scheduledFor, automation. */
  input: string;
  /** A thread for each execution, or one for all of them, in which they run one after another. */
  threadMode?: 'new' | 'same';
  trigger: Trigger;
  enabled?: boolean;
  /** How many executions it may have that are not over, and what becomes of one more. */
  concurrency?: {
    max?: number;
    onBusy?: 'skip' | 'enqueue';
  };
  /** What becomes of due times at which no worker was there: none is made up for, or the last one. */
  catchUp?: 'none' | 'last';
  /** Executions that one firing may take; each one after a failure is its retry. */
  maxAttempts?: number;
  /** What becomes of calls that a person has to be asked about: they wait in the inbox, or are denied. */
  approvalPolicy?: 'ask' | 'deny';
  /** So many failed firings in a row pause it; 0: it is never paused by itself. */
  pauseAfterFailures?: number;
}
/**
 * What starts executions by itself.
 *
 */
export interface Automation {
  id: string;
  name: string;
  agentId: string;
  /** What the agent is told: a Mustache template over payload, scheduledFor, automation. */
  input: string;
  trigger: Trigger;
  concurrency: {
    max: number;
    onBusy: 'skip' | 'enqueue';
  };
  threadMode: 'new' | 'same';
  enabled: boolean;
  catchUp: 'none' | 'last';
  maxAttempts: number;
  /** What becomes of calls that a person has to be asked about: they wait in the inbox, or are denied. */
  approvalPolicy: 'ask' | 'deny';
  pauseAfterFailures: number;
  /** Why it is not enabled: somebody wanted it so, or too many firings in a row had failed. */
  pausedReason: 'request' | 'failures' | null;
  failuresInRow: number;
  /** The next due time of its schedule. */
  nextDueAt: string | null;
  createdAt: string;
  updatedAt: string;
}
/**
 * A merge patch (RFC 7396) of the settings: what is null goes back to its default.
 *
 */
export interface AutomationPatch {
  name?: unknown;
  agentId?: unknown;
  input?: unknown;
  threadMode?: unknown;
  trigger?: unknown;
  enabled?: unknown;
  concurrency?: unknown;
  catchUp?: unknown;
  maxAttempts?: unknown;
  approvalPolicy?: unknown;
  pauseAfterFailures?: unknown;
}
/**
 * One occurrence of an automation, and what came of it.
 *
 */
export interface Firing {
  id: string;
  automationId: string;
  /** What it is known by: its due time, the id of the event, or one of its own if somebody asked for it. */
  key: string;
  /** When it was due, or came; of several, when the first was due. */
  scheduledFor: string;
  status: 'fired' | 'enqueued' | 'skipped' | 'failed';
  reason: string | null;
  /** Due times that it stands for. */
  count: number;
  /** Of the latest attempt. */
  executionId: string | null;
  createdAt: string;
}
export interface Event {
  name: string;
  /** Any JSON. */
  payload?: unknown;
  /** An event that is told again by its id fires nothing again. */
  id?: string;
}
/**
 * What came of a delivery, the same however often it is sent.
 *
 */
export interface ReceivedWebhook {
  firingId: string;
  executionId: string | null;
  status: 'fired' | 'enqueued' | 'skipped' | 'failed';
  reason: string | null;
}
/**
 * What a webhook is told, and whether it has it.
 *
 */
export interface Notification {
  /** What the receiver gets as `webhook-id`, with every try. */
  id: string;
  type:
    | 'approval.requested'
    | 'approval.decided'
    | 'execution.completed'
    | 'execution.failed'
    | 'execution.cancelled'
    | 'automation.paused';
  status: 'pending' | 'delivered' | 'failed';
  executionId: string;
  approvalId: string | null;
  /** How often it was sent, or about to be. */
  tries: number;
  /** Null when it is delivered or failed. */
  nextAttemptAt: string | null;
  createdAt: string;
  /** When it was delivered, or given up. */
  endedAt: string | null;
}
export interface NotificationDetails {
  /** What the receiver gets as `webhook-id`, with every try. */
  id: string;
  type:
    | 'approval.requested'
    | 'approval.decided'
    | 'execution.completed'
    | 'execution.failed'
    | 'execution.cancelled'
    | 'automation.paused';
  status: 'pending' | 'delivered' | 'failed';
  executionId: string;
  approvalId: string | null;
  /** How often it was sent, or about to be. */
  tries: number;
  /** Null when it is delivered or failed. */
  nextAttemptAt: string | null;
  createdAt: string;
  /** When it was delivered, or given up. */
  endedAt: string | null;
  payload: Record<string, never>;
  /** The newest 50, the newest first. */
  deliveries: NotificationDelivery[];
}
/**
 * One try to deliver a notification.
 *
 */
export interface NotificationDelivery {
  no: number;
  startedAt: string;
  /** Null while it is under way, or if its end is lost. */
  durationMs: number | null;
  /** Null when there was no answer. */
  statusCode: number | null;
  error: string | null;
  /** The first KiB of the answer. */
  response: string | null;
}
/**
 * An approval, and what became of it.
 *
 */
export interface ApprovalDetail {
  id: string;
  kind: 'approval' | 'question' | 'unknown-outcome';
  status: 'pending' | 'approved' | 'denied' | 'answered' | 'retried' | 'resolved' | 'expired' | 'cancelled';
  executionId: string;
  threadId: string;
  agentId: string;
  toolCallId: string;
  toolName: string;
  /** What the tool is to be called with. */
  input?: unknown;
  /** What an edited input has to fit. */
  inputSchema: {
    [k: string]: unknown;
  };
  /** `sha256:` and the hash of the input as RFC 8785 JSON, in hex. */
  inputHash: string;
  /** What was approved instead of the input; null if nothing was. */
  editedInput?: unknown;
  context: {
    lastUserMessage: string;
    textSoFar: string;
  };
  risk: 'low' | 'medium' | 'high';
  /** Of the decision. */
  reason: string | null;
  assignee: string | null;
  expiresAt: string | null;
  decidedBy: string | null;
  decidedAt: string | null;
  createdAt: string;
  /** In order; nothing of it is ever changed. */
  history: {
    kind:
      | 'requested'
      | 'assigned'
      | 'approved'
      | 'denied'
      | 'answered'
      | 'retried'
      | 'resolved'
      | 'expired'
      | 'cancelled';
    by: string;
    at: string;
    detail: {
      [k: string]: unknown;
    };
  }[];
}
/**
 * Who did what, and to whose things.
 *
 */
export interface AuditEntry {
  id: string;
  at: string;
  action:
    | 'execution.started'
    | 'execution.retried'
    | 'execution.forked'
    | 'execution.cancelled'
    | 'message.edited'
    | 'message.regenerated'
    | 'thread.created'
    | 'thread.updated'
    | 'thread.deleted'
    | 'approval.decided'
    | 'approval.assigned'
    | 'approval.expired'
    | 'automation.created'
    | 'automation.updated'
    | 'automation.deleted'
    | 'automation.paused'
    | 'automation.resumed'
    | 'automation.fired'
    | 'secret.rotated'
    | 'notification.resent'
    | 'key.created'
    | 'key.revoked'
    | 'token.created'
    | 'session.opened'
    | 'app.created'
    | 'app.disabled';
  /** `command`: somebody at the command line; `system`: Outlast itself. */
  actorKind: 'open' | 'api-key' | 'user' | 'token' | 'session' | 'command' | 'system';
  /** The id of the key, the user, the token or the session; `policy` where nobody decided; `automation:ID`. */
  actor: string;
  /** The prefix of a key; who gave the token away; the app of a session. */
  via: string | null;
  /** Whose things it is about; null: the tenant’s. */
  ownerId: string | null;
  subjectType:
    | 'execution'
    | 'message'
    | 'thread'
    | 'approval'
    | 'automation'
    | 'notification'
    | 'key'
    | 'token'
    | 'session'
    | 'app';
  subjectId: string;
  executionId: string | null;
  threadId: string | null;
  /** As `x-request-id` of the answer had it. */
  requestId: string | null;
  details: {
    [k: string]: unknown;
  };
}
/**
 * What `useChat` of the AI SDK sends.
 *
 */
export interface ChatRequest {
  /** The chat, which is a thread. */
  id?: string;
  messages: unknown[];
  trigger?: 'submit-message' | 'regenerate-message';
  messageId?: string | null;
  agentId?: string | null;
  [k: string]: unknown;
}
export interface Challenge {
  parameters: {
    algorithm: 'PBKDF2/SHA-256';
    /** Iterations of one try. */
    cost: number;
    data: {
      app: string;
    };
    /** In seconds since 1970. */
    expiresAt: number;
    keyLength: 32;
    keyPrefix: '00';
    nonce: string;
    salt: string;
  };
  signature: string;
}

/** Method, path, and where the input of each operation goes. */
export const OPERATIONS = {
  listAgents: ['GET', '/agents', 'none'],
  getAgent: ['GET', '/agents/{id}', 'none'],
  startExecution: ['POST', '/executions', 'body'],
  listExecutions: ['GET', '/executions', 'query'],
  retryExecution: ['POST', '/executions/{id}/retry', 'body'],
  forkExecution: ['POST', '/executions/{id}/fork', 'body'],
  cancelExecution: ['POST', '/executions/{id}/cancel', 'body'],
  deleteThread: ['DELETE', '/threads/{id}', 'none'],
  getThread: ['GET', '/threads/{id}', 'none'],
  updateThread: ['PATCH', '/threads/{id}', 'body'],
  getExecution: ['GET', '/executions/{id}', 'none'],
  waitForExecution: ['GET', '/executions/{id}/wait', 'query'],
  getTimeline: ['GET', '/executions/{id}/timeline', 'none'],
  streamExecution: ['GET', '/executions/{id}/stream', 'query'],
  listChunks: ['GET', '/executions/{id}/chunks', 'query'],
  createThread: ['POST', '/threads', 'body'],
  listThreads: ['GET', '/threads', 'query'],
  listMessages: ['GET', '/threads/{id}/messages', 'query'],
  postMessage: ['POST', '/threads/{id}/messages', 'body'],
  getMessage: ['GET', '/threads/{id}/messages/{messageId}', 'none'],
  editMessage: ['PUT', '/threads/{id}/messages/{messageId}', 'body'],
  regenerateMessage: ['POST', '/threads/{id}/messages/{messageId}/regenerate', 'body'],
  streamThread: ['GET', '/threads/{id}/stream', 'query'],
  createExecutionToken: ['POST', '/executions/{id}/tokens', 'body'],
  createThreadToken: ['POST', '/threads/{id}/tokens', 'body'],
  decideApprovals: ['POST', '/approvals/decisions', 'body'],
  decideToolCall: ['POST', '/executions/{id}/approvals/{toolCallId}', 'body'],
  decideApproval: ['POST', '/approvals/{id}/decision', 'body'],
  assignApproval: ['POST', '/approvals/{id}/assign', 'body'],
  createAutomation: ['POST', '/automations', 'body'],
  listAutomations: ['GET', '/automations', 'query'],
  getAutomation: ['GET', '/automations/{id}', 'none'],
  updateAutomation: ['PATCH', '/automations/{id}', 'body'],
  deleteAutomation: ['DELETE', '/automations/{id}', 'none'],
  pauseAutomation: ['POST', '/automations/{id}/pause', 'body'],
  resumeAutomation: ['POST', '/automations/{id}/resume', 'body'],
  fireAutomation: ['POST', '/automations/{id}/fire', 'body'],
  listFirings: ['GET', '/automations/{id}/firings', 'query'],
  listUpcoming: ['GET', '/automations/{id}/upcoming', 'query'],
  raiseEvent: ['POST', '/events', 'body'],
  receiveWebhook: ['POST', '/hooks/{automationId}', 'body'],
  listNotifications: ['GET', '/notifications', 'query'],
  getNotification: ['GET', '/notifications/{id}', 'none'],
  resendNotification: ['POST', '/notifications/{id}/resend', 'none'],
  listApprovals: ['GET', '/approvals', 'query'],
  streamApprovals: ['GET', '/approvals/stream', 'none'],
  getApproval: ['GET', '/approvals/{id}', 'none'],
  listAudit: ['GET', '/audit', 'query'],
  sendChat: ['POST', '/api/chat', 'body'],
  resumeChat: ['GET', '/api/chat/{id}/stream', 'query'],
  stopChat: ['POST', '/api/chat/{id}/stop', 'none'],
  getChallenge: ['GET', '/apps/{appId}/challenge', 'none'],
  createSession: ['POST', '/apps/{appId}/sessions', 'body'],
  getHealth: ['GET', '/healthz', 'none'],
  getReadiness: ['GET', '/readyz', 'none'],
  getVersion: ['GET', '/version', 'none'],
  getMetrics: ['GET', '/metrics', 'none'],
  getOpenApi: ['GET', '/openapi.json', 'none'],
  getDocs: ['GET', '/docs', 'none'],
  getProblemsPage: ['GET', '/docs/problems', 'none'],
  getDocsAsset: ['GET', '/docs/assets/{name}', 'none'],
} as const;
