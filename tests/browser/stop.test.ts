import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeInBrowser } from './support/chromium.ts';
import { expectStored } from './support/expect-stored.ts';
import { Stage } from './support/stage.ts';
import { textOf } from './support/stored.ts';

const MARK = 'Partial: this answer was stopped, or failed.';

describeInBrowser('stopping an answer in a page with useChat', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage.dispose());

  test('keeps what was said, marked as partial, also after a reload', async () => {
    const tab = await stage.open('stopped');
    await tab.send('stream 1000 20');
    await tab.shows('w20');
    await tab.press('Stop');
    await tab.page.getByText(MARK).waitFor();
    const [, answer] = await expectStored(stage, tab, 'stopped', 2);
    expect(textOf(answer)).toMatch(/^w1 .*w20/);
    expect(answer?.metadata.status).toBe('partial');
    await tab.reload();
    await tab.page.getByText(MARK).waitFor();
    const [, again] = await expectStored(stage, tab, 'stopped', 2);
    expect(again).toEqual(answer);
  });

  test('cancels a call that waits for a person, and asks no more', async () => {
    const tab = await stage.open('walked-away');
    await tab.send('call refund_order {"orderId":"o1","amount":5}');
    await tab.rests('waiting');
    await tab.press('Stop');
    await tab.rests();
    expect(await tab.page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
    const [, answer] = await expectStored(stage, tab, 'walked-away', 2);
    expect(answer?.metadata.status).toBe('partial');
  });

  test('lets the next message be answered', async () => {
    const tab = await stage.open('next');
    await tab.send('stream 1000 20');
    await tab.shows('w5');
    await tab.press('Stop');
    await tab.page.getByText(MARK).waitFor();
    await tab.send('say hello');
    await tab.shows('hello');
    await tab.rests();
    await expectStored(stage, tab, 'next', 4);
  });

  test('is not what closing the page does', async () => {
    const tab = await stage.open('closed');
    await tab.send('stream 60 20');
    await tab.shows('w5');
    await tab.page.close();
    const later = await stage.open('closed');
    await later.shows('w60');
    const [, answer] = await expectStored(stage, later, 'closed', 2);
    expect(answer?.metadata.status).toBe('complete');
  });
});
