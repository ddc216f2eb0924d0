import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeInBrowser } from './support/chromium.ts';
import { expectStored } from './support/expect-stored.ts';
import { Stage } from './support/stage.ts';
import { storedMessages, textOf, words } from './support/stored.ts';

describeInBrowser('an answer in a page with useChat', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage.dispose());

  test('is shown while it is being written, and is the stored one in the end', async () => {
    const tab = await stage.open('live');
    await tab.send('think I count\nstream 200 20');
    await tab.shows('w5');
    const [, active] = await storedMessages(stage.server.url, 'live');
    expect(active?.metadata.status).toBe('active');
    await tab.rests();
    const [, answer] = await expectStored(stage, tab, 'live', 2);
    expect(textOf(answer)).toBe(words(200));
    expect(answer?.metadata.status).toBe('complete');
  });

  test('goes on after each of several reloads, as one message', async () => {
    const tab = await stage.open('reloaded');
    // It does not end by itself: each reload is in the middle of it, however busy the machine is.
    await tab.send('stream 150 20\nhang');
    for (const word of ['w10', 'w40', 'w80']) {
      await tab.shows(word);
      await tab.reload();
      const [, active] = await storedMessages(stage.server.url, 'reloaded');
      expect(active?.metadata.status).toBe('active');
    }
    await tab.shows('w150');
    await tab.press('Stop');
    await tab.rests();
    const [, answer] = await expectStored(stage, tab, 'reloaded', 2);
    expect(textOf(answer)).toBe(words(150));
  });

  test('goes on in another tab that opens the thread', async () => {
    const tab = await stage.open('second-tab');
    await tab.send('stream 100 20');
    await tab.shows('w10');
    const second = await stage.open('second-tab');
    await Promise.all([tab.shows('w100'), second.shows('w100')]);
    await expectStored(stage, tab, 'second-tab', 2);
    await expectStored(stage, second, 'second-tab', 2);
  });

  test('goes on after a reload when the server was killed in mid-sentence and started again', async () => {
    const tab = await stage.open('killed');
    await tab.send('say Before.\ncall lookup_order {"orderId":"o1"}\n---\nstream 200 20');
    await tab.shows('w20');
    await stage.server.kill();
    await tab.page.getByRole('alert').waitFor();
    await stage.server.start();
    await tab.reload();
    await tab.shows('w200');
    await tab.rests();
    const [, answer] = await expectStored(stage, tab, 'killed', 2);
    expect(textOf(answer)).toBe(`Before.\n${words(200)}`);
  });

  test('comes without a reload by trying again, when the server was killed in mid-sentence', async () => {
    const tab = await stage.open('again');
    await tab.send('stream 200 20');
    await tab.shows('w20');
    await stage.server.kill();
    await tab.page.getByRole('alert').waitFor();
    await stage.server.start();
    await tab.press('Try again');
    await tab.shows('w200');
    await tab.rests();
    const [, answer] = await expectStored(stage, tab, 'again', 2);
    expect(textOf(answer)).toBe(words(200));
  });
});
