import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeInBrowser } from './support/chromium.ts';
import { expectStored } from './support/expect-stored.ts';
import { Stage } from './support/stage.ts';
import { takePictures } from './support/take-pictures.ts';

/* The states that a person sees most; with OUTLAST_SCREENSHOTS=folder they are kept as pictures. */
describeInBrowser('the page', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage.dispose());

  test('says that a demo model answers, and what to try', async () => {
    const tab = await stage.open('empty');
    await tab.page.getByText('A scripted demo model answers, not an AI').waitFor();
    await takePictures(tab, 'empty');
    await tab.press('Refund an order');
    await tab.rests('waiting');
    await takePictures(tab, 'approval');
    await tab.press('Approve');
    await tab.rests();
    await expectStored(stage, tab, 'empty', 2);
    await takePictures(tab, 'approved');
  });

  test('shows what is thought and what is written', async () => {
    const tab = await stage.open('writing');
    await tab.send('think I count, one word after the other.\nstream 150 20');
    await tab.shows('w30');
    await takePictures(tab, 'writing');
    await tab.press('Stop');
    await tab.rests();
    await takePictures(tab, 'stopped');
    await expectStored(stage, tab, 'writing', 2);
  });

  test('shows questions, and the form to edit a message', async () => {
    const tab = await stage.open('asking');
    await tab.send('call ask_person {"question":"Which colour shall it be?"}');
    await tab.rests('waiting');
    await tab.page.getByLabel('Answer', { exact: true }).waitFor();
    await tab.pressIn('user', 'Edit');
    await takePictures(tab, 'asking');
    await tab.press('Cancel');
    await tab.type('Answer', 'red');
    await tab.page.keyboard.press('Enter');
    await tab.shows('done: ["red"]');
    await expectStored(stage, tab, 'asking', 2);
  });

  test('has a name for everything that can be used, and fits a telephone', async () => {
    const tab = await stage.open('named');
    await tab.send('call refund_order {"orderId":"o1","amount":5}');
    await tab.rests('waiting');
    await tab.page.setViewportSize({ width: 400, height: 800 });
    for (const role of ['button', 'textbox'] as const) {
      const all = await tab.page.getByRole(role).count();
      expect(await tab.page.getByRole(role, { name: /\S/ }).count()).toBe(all);
    }
    expect(await tab.page.evaluate('document.documentElement.scrollWidth')).toBe(400);
  });
});
