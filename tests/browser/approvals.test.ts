import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeInBrowser } from './support/chromium.ts';
import { expectStored } from './support/expect-stored.ts';
import { Stage } from './support/stage.ts';
import type { StoredMessage } from './support/stored.ts';
import type { ChatTab } from './support/tab.ts';

const refund = (orderId: string) => `call refund_order {"orderId":"${orderId}","amount":5}`;

describeInBrowser('what a page with useChat asks a person', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage.dispose());

  /** How often an order was really refunded. */
  async function refunds(orderId: string): Promise<number> {
    const lines = await readFile(join(stage.server.dataDir, 'effects.jsonl'), 'utf8').catch(() => '');
    return lines.split('\n').filter((line) => line.includes(`"orderId":"${orderId}"`)).length;
  }

  const outcome = (message: StoredMessage | undefined) =>
    message?.parts.find(({ type }) => type === 'tool-refund_order')?.state;

  async function waitsForTwo(threadId: string, orderId: string): Promise<[ChatTab, ChatTab]> {
    const first = await stage.open(threadId);
    await first.send(refund(orderId));
    await first.rests('waiting');
    const second = await stage.open(threadId);
    await second.rests('waiting');
    return [first, second];
  }

  test('can be approved after a reload, and takes effect once', async () => {
    const tab = await stage.open('approved');
    await tab.send(refund('o1'));
    await tab.rests('waiting');
    await tab.reload();
    await tab.rests('waiting');
    await tab.press('Approve');
    await tab.shows('done: [{"refunded":5,"orderId":"o1"}]');
    await tab.rests();
    const [, answer] = await expectStored(stage, tab, 'approved', 2);
    expect(outcome(answer)).toBe('output-available');
    expect(await refunds('o1')).toBe(1);
  });

  test('can be approved after the server was killed while it waited', async () => {
    const tab = await stage.open('outlived');
    await tab.send(refund('o2'));
    await tab.rests('waiting');
    await stage.server.kill();
    await stage.server.start();
    await tab.press('Approve');
    await tab.shows('done: [{"refunded":5,"orderId":"o2"}]');
    await tab.rests();
    await expectStored(stage, tab, 'outlived', 2);
    expect(await refunds('o2')).toBe(1);
  });

  test('can be denied, with a reason that reaches the model', async () => {
    const tab = await stage.open('denied');
    await tab.send(refund('o3'));
    await tab.rests('waiting');
    await tab.type('Reason to deny', 'too much');
    await tab.press('Deny');
    await tab.shows('done: [{"denied":"too much"}]');
    await tab.rests();
    const [, answer] = await expectStored(stage, tab, 'denied', 2);
    expect(outcome(answer)).toBe('output-denied');
    expect(await refunds('o3')).toBe(0);
  });

  test('shows the decision that came first in both of two tabs that decide differently', async () => {
    const [first, second] = await waitsForTwo('contested', 'o4');
    await first.press('Approve');
    await first.shows('done:');
    await second.type('Reason to deny', 'no');
    await second.press('Deny');
    for (const tab of [first, second]) {
      await tab.shows('done: [{"refunded":5,"orderId":"o4"}]');
      await tab.rests();
      const [, answer] = await expectStored(stage, tab, 'contested', 2);
      expect(outcome(answer)).toBe('output-available');
      expect(await tab.page.getByText('done', { exact: true }).count()).toBe(1);
    }
    expect(await refunds('o4')).toBe(1);
  });

  test('has one winner when two tabs decide at once', async () => {
    const [first, second] = await waitsForTwo('at-once', 'o5');
    await Promise.all([first.press('Deny'), second.press('Approve')]);
    const answers = [];
    for (const tab of [first, second]) {
      await tab.shows('done:');
      await tab.rests();
      const [, answer] = await expectStored(stage, tab, 'at-once', 2);
      answers.push(outcome(answer));
    }
    const effects = await refunds('o5');
    const state = effects === 1 ? 'output-available' : 'output-denied';
    expect(answers).toEqual([state, state]);
    for (const tab of [first, second]) {
      expect(await tab.page.locator(`.tool[data-state="${state}"]`).count()).toBe(1);
    }
  });

  test('is decided one by one when a turn asks for several things', async () => {
    const tab = await stage.open('several');
    await tab.send(
      `${refund('o6')}\n${refund('o7')}\ncall ask_person {"question":"Which colour?"}\n---\nsay Done with all.`,
    );
    await tab.rests('waiting');
    await tab.page.getByRole('button', { name: 'Approve' }).first().click();
    await tab.type('Answer', 'red');
    await tab.page.getByRole('button', { name: 'Answer', exact: true }).click();
    await tab.rests('waiting');
    await tab.press('Deny');
    await tab.shows('Done with all.');
    await tab.rests();
    await expectStored(stage, tab, 'several', 2);
    expect([await refunds('o6'), await refunds('o7')]).toEqual([1, 0]);
  });

  test('is a question whose answer is the output of its call', async () => {
    const tab = await stage.open('asked');
    await tab.send('call ask_person {"question":"Which colour?"}');
    await tab.rests('waiting');
    await tab.reload();
    await tab.page.getByText('Which colour?', { exact: true }).waitFor();
    await tab.type('Answer', 'red');
    await tab.page.getByRole('button', { name: 'Answer', exact: true }).click();
    await tab.shows('done: ["red"]');
    await tab.rests();
    const stored = await expectStoredQuestion(tab);
    expect(stored?.parts.find(({ type }) => type === 'tool-ask_person')?.output).toBe('red');
  });

  /** The question itself is text on the page, and none of the message. */
  async function expectStoredQuestion(tab: ChatTab): Promise<StoredMessage | undefined> {
    const [, answer] = await expectStored(stage, tab, 'asked', 2);
    return answer;
  }
});
