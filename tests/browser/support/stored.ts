import { ask } from '../../http/client.ts';
import { waitFor } from '../../support/wait-for.ts';

export interface StoredMessage {
  id: string;
  role: 'user' | 'assistant';
  parts: {
    type: string;
    text?: string;
    state?: string;
    output?: unknown;
    approval?: { approved?: boolean };
  }[];
  metadata: { executionId: string; status: string };
}

export async function storedMessages(url: string, threadId: string): Promise<StoredMessage[]> {
  const answer = await ask(url, `/threads/${threadId}/messages`);
  return answer.status === 404 ? [] : (answer.json().data as unknown as StoredMessage[]);
}

/** Waits until the thread has this many messages and none is being written, and gives them. */
export function settledMessages(url: string, threadId: string, count: number): Promise<StoredMessage[]> {
  let seen: StoredMessage[] = [];
  return waitFor(
    async () => {
      seen = await storedMessages(url, threadId);
      const isSettled = seen.length === count && seen.every(({ metadata }) => metadata.status !== 'active');
      return isSettled ? seen : undefined;
    },
    { describe: () => `${count} settled messages, but there is ${JSON.stringify(seen)}`, deadlineMs: 20_000 },
  );
}

/** The text of a message, each part on a line, as the page shows it. */
export function textOf(message: StoredMessage | undefined): string {
  return (message?.parts ?? []).flatMap(({ type, text }) => (type === 'text' ? [text] : [])).join('\n');
}

/** The words that `stream N` of the demo model says. */
export function words(count: number): string {
  return Array.from({ length: count }, (_, index) => `w${index + 1}`).join(' ');
}
