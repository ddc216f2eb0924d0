import { expect } from '@jest/globals';
import { waitFor } from '../../support/wait-for.ts';
import type { Stage } from './stage.ts';
import { type StoredMessage, settledMessages, textOf } from './stored.ts';
import type { ChatTab } from './tab.ts';

/**
 * Waits until a thread has settled with this many messages, and holds a page that rests to it: the same messages,
 * each there once, with the same text.
 */
export async function expectStored(
  { server }: Stage,
  tab: ChatTab,
  threadId: string,
  count: number,
): Promise<StoredMessage[]> {
  const stored = await settledMessages(server.url, threadId, count);
  const texts = stored.filter(({ role }) => role === 'assistant').map(textOf);
  // What was stored last may still be on its way to the page.
  const sees = async () => JSON.stringify(await tab.answers()) === JSON.stringify(texts);
  await waitFor(sees, { describe: `the page to show ${JSON.stringify(texts)}` }).catch(() => undefined);
  expect(await tab.answers()).toEqual(texts);
  expect(await tab.ids()).toEqual(stored.map(({ id }) => id));
  return stored;
}
