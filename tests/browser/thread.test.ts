import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { BrowserContext } from 'playwright-core';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser } from './support/chromium.ts';
import { expectStored } from './support/expect-stored.ts';
import { Stage } from './support/stage.ts';
import { textOf, words } from './support/stored.ts';
import type { ChatTab } from './support/tab.ts';

describeInBrowser('a page with useThread', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage.dispose());

  const open = (threadId: string, options: { window?: BrowserContext } = {}) =>
    stage.open(threadId, { pane: 'thread', ...options });
  const streams = (threadId: string) =>
    stage.front.streams.filter((path) => path.includes(`/threads/${threadId}/`));

  async function expectAnswer(tab: ChatTab, threadId: string, text: string): Promise<void> {
    await tab.rests();
    const [, answer] = await expectStored(stage, tab, threadId, 2);
    expect(textOf(answer)).toBe(text);
    expect(answer?.metadata.status).toBe('complete');
  }

  test('shows live what another browser does, which goes on after a reload', async () => {
    const first = await open('live');
    await first.send('say hello');
    await first.shows('hello');
    await first.rests();
    const second = await open('live');
    await first.send('stream 80 20');
    await second.shows('w10');
    await second.reload();
    for (const tab of [first, second]) {
      await tab.shows('w80');
      await tab.rests();
      const stored = await expectStored(stage, tab, 'live', 4);
      expect(textOf(stored.at(-1))).toBe(words(80));
    }
  });

  test('goes on by itself when the network is back', async () => {
    const tab = await open('offline');
    await tab.send('stream 200 20');
    await tab.shows('w20');
    await stage.cutNetwork(tab);
    await tab.rests('offline');
    await tab.setOffline(false);
    await expectAnswer(tab, 'offline', words(200));
  });

  test('goes on by itself when the server was killed in mid-sentence and started again', async () => {
    const tab = await open('killed');
    await tab.send('say Before.\ncall lookup_order {"orderId":"o1"}\n---\nstream 200 20');
    await tab.shows('w20');
    await stage.server.kill();
    await tab.rests('offline');
    await stage.server.start();
    await tab.shows('w200', 45_000);
    await expectAnswer(tab, 'killed', `Before.\n${words(200)}`);
  }, 60_000);

  test('keeps what was said when it is stopped, in every browser', async () => {
    const [first, second] = [await open('stopped'), await open('stopped')];
    await first.send('stream 1000 20');
    await first.shows('w10');
    await second.reload();
    await second.shows('w10');
    await second.press('Stop');
    for (const tab of [first, second]) {
      await tab.rests();
      await tab.page.getByText('Partial: this answer was stopped, or failed.').waitFor();
      const [, answer] = await expectStored(stage, tab, 'stopped', 2);
      expect(answer?.metadata.status).toBe('partial');
    }
  });

  test('shows a decision to who has not made it', async () => {
    const first = await open('decided');
    await first.send('call refund_order {"orderId":"o1","amount":5}\ncall ask_person {"question":"Why?"}');
    await first.rests('waiting');
    const second = await open('decided');
    await second.rests('waiting');
    await first.press('Approve');
    await second.page.getByRole('button', { name: 'Approve' }).waitFor({ state: 'detached' });
    await second.type('Answer', 'broken');
    await second.page.getByRole('button', { name: 'Answer', exact: true }).click();
    for (const tab of [first, second]) {
      await tab.shows('done: [{"refunded":5,"orderId":"o1"},"broken"]');
      await tab.rests();
      await expectStored(stage, tab, 'decided', 2);
    }
  });

  test('edits and answers again, in every browser', async () => {
    const [first, second] = [await open('edited'), await open('edited')];
    await first.send('say first');
    await first.shows('first');
    await first.rests();
    await first.pressIn('user', 'Edit');
    await first.type('Edited message', 'say second');
    await first.press('Save and ask again');
    await first.shows('second');
    await second.reload();
    await second.shows('second');
    await second.rests();
    const [, edited = null] = await second.ids();
    await first.press('Regenerate');
    await waitFor(async () => !(await first.ids()).includes(edited), { describe: 'another answer' });
    for (const tab of [first, second]) await expectAnswer(tab, 'edited', 'second');
  });

  test('shares one connection among eight tabs of a window', async () => {
    const window = await stage.browser.newContext();
    const tabs: ChatTab[] = [];
    const first = await open('eight', { window });
    await first.send('say hello');
    await first.shows('hello');
    await first.rests();
    tabs.push(first);
    for (let n = 2; n <= 8; n += 1) tabs.push(await open('eight', { window }));
    await Promise.all(tabs.map((tab) => tab.shows('hello')));
    expect(streams('eight')).toHaveLength(1);
    await tabs.at(-1)?.send('stream 200 20');
    await Promise.all(tabs.map((tab) => tab.shows('w20')));
    // The tab that has the connection goes; another one goes on where it was.
    await first.page.close();
    for (const tab of tabs.slice(1)) {
      await tab.shows('w200');
      await tab.rests();
      const stored = await expectStored(stage, tab, 'eight', 4);
      expect(textOf(stored.at(-1))).toBe(words(200));
    }
    expect(streams('eight')).toHaveLength(1);
  });
});
