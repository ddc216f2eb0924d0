import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai';
import { type Connection, type ConnectionOptions, connect } from '../http/connection.ts';
import { newId } from '../http/new-id.ts';
import { methodOf } from '../http/operation.ts';
import { isTransient } from '../problem.ts';
import { readLog } from '../stream/execution-stream.ts';
import type { ConnectionState } from '../stream/follow.ts';
import { pause } from '../stream/pause.ts';
import { newMessages } from './new-messages.ts';

type Send<M extends UIMessage> = Parameters<ChatTransport<M>['sendMessages']>[0];
type Reconnect<M extends UIMessage> = Parameters<ChatTransport<M>['reconnectToStream']>[0];
type Chunks = AsyncGenerator<{ chunk: UIMessageChunk }, void, undefined>;

export interface ChatTransportOptions extends Partial<ConnectionOptions> {
  /** Who answers in new chats. Default: as the server decides. */
  agentId?: string;
  /**
   * Stops the execution, too, whenever the reading is aborted. Off by default, because `useChat` aborts in the same way
   * when somebody presses stop and when the component goes: with it, navigating away ends the answer.
   */
  cancelOnAbort?: boolean;
  onState?: (state: ConnectionState) => void;
}

/** Tries until a request that got no answer is the caller's matter: some seconds. */
const ATTEMPTS = 4;

/**
 * The transport of an AI SDK chat (`useChat`, `Chat`) to Outlast. It sends only what is new, goes on by itself where a
 * stream was cut, and never stops an execution unless it is told to.
 */
export class OutlastChatTransport<M extends UIMessage = UIMessage> implements ChatTransport<M> {
  /** What `reconnectToStream` gives begins with the first row of the answer. */
  readonly resumeStreamIsReplay = true;
  readonly #connection: Connection;
  readonly #options: ChatTransportOptions;

  constructor(options: ChatTransportOptions & { client?: { readonly connection: Connection } } = {}) {
    this.#connection = options.client?.connection ?? connect({ baseUrl: '', ...options });
    this.#options = options;
  }

  readonly sendMessages = async (options: Send<M>): Promise<ReadableStream<UIMessageChunk>> => {
    const { chatId, trigger, messageId, messages, abortSignal, body } = options;
    const { agentId } = this.#options;
    const request = {
      method: 'POST',
      path: '/api/chat',
      body: {
        ...(agentId === undefined ? {} : { agentId }),
        ...body,
        id: chatId,
        trigger,
        messageId,
        messages: newMessages({ trigger, messageId, messages }),
      },
      // So that a request that got no answer can be sent again, whatever it does.
      headers: {
        ...plain(options.headers),
        'idempotency-key': newId(),
        accept: 'text/event-stream',
      },
    };
    this.#cancelAtAbort(chatId, abortSignal);
    const response = await this.#open(request, abortSignal);
    return this.#read(response, abortSignal);
  };

  readonly reconnectToStream = async (
    options: Reconnect<M>,
  ): Promise<ReadableStream<UIMessageChunk> | null> => {
    const { chatId, abortSignal, headers } = options;
    const request = {
      method: 'GET',
      path: `/api/chat/${encodeURIComponent(chatId)}/stream`,
      headers: { ...plain(headers), accept: 'text/event-stream' },
    };
    const response = await this.#open(request, abortSignal);
    if (response.status === 204) return null;
    this.#cancelAtAbort(chatId, abortSignal);
    return this.#read(response, abortSignal);
  };

  /**
   * Stops what runs and what waits in the chat. The stream then brings the end of the answer as it is stored, so that
   * nothing has to be aborted here: use this as the stop button.
   */
  readonly stop = async (chatId: string): Promise<void> => {
    await methodOf(this.#connection, 'stopChat')(chatId);
  };

  /** Sends a request until there is an answer. */
  async #open(
    request: Parameters<Connection['send']>[0],
    signal: AbortSignal = new AbortController().signal,
  ): Promise<Response> {
    for (let failures = 1; ; failures++) {
      try {
        return await this.#connection.send({ ...request, signal });
      } catch (error) {
        if (signal.aborted || failures === ATTEMPTS || !isTransient(error)) throw error;
        await pause(this.#connection.environment, failures, error, signal);
        signal.throwIfAborted();
      }
    }
  }

  /** The chunks of an answer, over as many connections as it takes. */
  #read(opened: Response, signal: AbortSignal | undefined): ReadableStream<UIMessageChunk> {
    const executionId = opened.headers.get('x-execution-id');
    if (executionId === null) throw new Error('The answer to the chat does not name its execution');
    const { onState } = this.#options;
    const ended = new AbortController();
    const chunks: Chunks = readLog(this.#connection, executionId, {
      opened,
      after: rowsBefore(opened),
      until: 'suspended',
      signal: signal === undefined ? ended.signal : AbortSignal.any([ended.signal, signal]),
      ...(onState === undefined ? {} : { onState }),
    });
    return toStream(chunks, signal, ended);
  }

  #cancelAtAbort(chatId: string, signal: AbortSignal | undefined): void {
    if (this.#options.cancelOnAbort !== true) return;
    // Whoever aborted is gone, and nobody is left to be told when it fails: the answer is then written to its end.
    signal?.addEventListener('abort', () => void this.stop(chatId).catch(() => undefined), { once: true });
  }
}

/** The rows before those of this answer: it goes on in a message that the client has, or begins one. */
function rowsBefore({ headers }: Response): number {
  return Number(/~(\d+)$/.exec(headers.get('x-workflow-run-id') ?? '')?.[1] ?? 0);
}

/** A stream that is read as it is pulled. */
function toStream(
  chunks: Chunks,
  signal: AbortSignal | undefined,
  ended: AbortController,
): ReadableStream<UIMessageChunk> {
  return new ReadableStream<UIMessageChunk>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        signal?.throwIfAborted();
        if (done === true) controller.close();
        else controller.enqueue(value.chunk);
      },
      cancel: () => ended.abort(),
    },
    { highWaterMark: 0 },
  );
}

function plain(headers: Record<string, string> | Headers | undefined): Record<string, string> {
  return headers instanceof Headers ? Object.fromEntries(headers) : { ...headers };
}
