import { get, type IncomingMessage } from 'node:http';
import { uuidv7 } from 'uuidv7';
import { recordEvent } from '../../src/approvals/record-event.ts';
import type { ApprovalStatus } from '../../src/approvals/status.ts';
import type { Approval } from '../../src/approvals/view.ts';
import { type Database, transaction } from '../../src/db/database.ts';
import { approvals, threads, workflowExecutions } from '../../src/db/schema.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';

type Values = Partial<typeof approvals.$inferInsert> & { threadId?: string; status?: ApprovalStatus };

/** An approval as it stands in the tables, of an execution of its own that waits for it. */
export async function insertApproval(db: Database, values: Values = {}): Promise<string> {
  const { threadId = uuidv7(), status = 'pending', ...given } = values;
  const id = given.id ?? uuidv7();
  const owner = {
    tenantId: given.tenantId ?? OPEN_SCOPE.tenantId,
    ownerId: given.ownerId ?? OPEN_SCOPE.ownerId,
  };
  const decided = { decidedAt: new Date(), decidedBy: 'somebody' };
  const output = status === 'answered' || status === 'resolved' ? { output: 'this' } : {};
  await transaction(db, async (tx) => {
    const [thread] = await tx
      .insert(threads)
      .values({ ...owner, id: threadId })
      .returning({ no: threads.no });
    const threadNo = thread?.no ?? 0;
    const executionId = given.executionId ?? uuidv7();
    await tx.insert(workflowExecutions).values({
      ...owner,
      id: executionId,
      threadNo,
      ordinal: 1,
      messageId: 'answer',
      inputMessageId: 'question',
      agentId: 'a',
      source: 'api',
      status: 'suspended',
      suspendedReason: 'approval',
      suspendedAt: new Date(),
      segment: 1,
      attempt: 1,
      input: {},
    });
    await tx.insert(approvals).values({
      agentId: 'a',
      toolCallId: 'c1',
      toolName: 'pay',
      turn: 1,
      kind: 'approval',
      input: { amount: 5 },
      inputHash: 'sha256:0',
      inputSchema: {},
      context: { lastUserMessage: '', textSoFar: '' },
      risk: 'low',
      ...owner,
      ...(status === 'pending' ? {} : { ...decided, ...output }),
      ...given,
      id,
      status,
      executionId,
      threadNo,
    });
    await recordEvent(tx, { id, tenantId: owner.tenantId }, { kind: 'requested', by: 'a' });
  });
  return id;
}

export interface InboxEvent {
  name: string;
  data: Record<string, unknown>;
}

/** A reader of the inbox on one connection, which keeps what it is sent. */
export class InboxReader {
  readonly events: InboxEvent[] = [];
  readonly #request;
  #rest = '';
  #text = '';
  #isClosed = false;

  constructor(serverUrl: string, onResponse: (response: IncomingMessage) => void = () => undefined) {
    this.#request = get(`${serverUrl}/approvals/stream`, { agent: false }, (response) => {
      onResponse(response);
      response.setEncoding('utf8').on('data', (text: string) => this.#take(text));
      response.once('close', () => {
        this.#isClosed = true;
      });
      response.on('error', () => undefined);
    });
    this.#request.on('error', () => undefined);
  }

  /** All that came, as it came. */
  get text(): string {
    return this.#text;
  }

  /** The connection was ended by the server, or by `close`. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  get hasBegun(): boolean {
    return this.events.length > 0;
  }

  /** What came of an approval, as `status` or `status@assignee`. */
  of(approvalId: string): string[] {
    return this.changes
      .filter(({ id }) => id === approvalId)
      .map(({ status, assignee }) => (assignee === null ? status : `${status}@${assignee}`));
  }

  get changes(): Approval[] {
    return this.events
      .filter(({ name }) => name === 'approval')
      .map(({ data }) => data as unknown as Approval);
  }

  close(): void {
    this.#request.destroy();
  }

  #take(text: string): void {
    this.#text += text;
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
      if (name !== undefined && data !== undefined) this.events.push({ name, data: JSON.parse(data) });
    }
  }
}
