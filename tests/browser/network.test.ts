import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeInBrowser } from './support/chromium.ts';
import { expectStored } from './support/expect-stored.ts';
import { Stage } from './support/stage.ts';
import { textOf, words } from './support/stored.ts';
import type { ChatTab } from './support/tab.ts';

describeInBrowser('a page with useChat whose network is cut', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage.dispose());

  async function cut(threadId: string): Promise<ChatTab> {
    const tab = await stage.open(threadId);
    await tab.send('stream 200 20');
    await tab.shows('w20');
    await stage.cutNetwork(tab);
    await tab.page.getByRole('alert').waitFor();
    return tab;
  }

  async function expectWhole(tab: ChatTab, threadId: string): Promise<void> {
    await tab.shows('w200');
    await tab.rests();
    const [, answer] = await expectStored(stage, tab, threadId, 2);
    expect(textOf(answer)).toBe(words(200));
    expect(await tab.page.getByRole('alert').count()).toBe(0);
  }

  test('has the whole answer after a reload', async () => {
    const tab = await cut('reloaded');
    await tab.setOffline(false);
    await tab.reload();
    await expectWhole(tab, 'reloaded');
  });

  test('has it by itself when somebody looks at it again', async () => {
    const tab = await cut('visible');
    await tab.setOffline(false);
    await tab.becomeVisible();
    await expectWhole(tab, 'visible');
  });

  test('sends a message once that never left, when it is tried again', async () => {
    const tab = await stage.open('unsent');
    await tab.setOffline(true);
    await tab.send('say hello');
    await tab.page.getByRole('alert').waitFor();
    await tab.setOffline(false);
    await tab.press('Try again');
    await tab.shows('hello');
    await tab.rests();
    await expectStored(stage, tab, 'unsent', 2);
  });
});
