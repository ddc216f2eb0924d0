import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { run } from '../http/client.ts';
import { describeInBrowser } from './support/chromium.ts';
import { expectStored } from './support/expect-stored.ts';
import { Stage } from './support/stage.ts';
import { settledMessages, textOf, words } from './support/stored.ts';

describeInBrowser('changing the history in a page with useChat', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage.dispose());

  test('edits a message, and drops what came after it', async () => {
    const tab = await stage.open('edited');
    await tab.send('say first');
    await tab.shows('first');
    await tab.rests();
    await tab.send('say second');
    await tab.shows('second');
    await tab.rests();
    await tab.messages('user').first().getByRole('button', { name: 'Edit' }).click();
    await tab.type('Edited message', 'say third');
    await tab.press('Save and ask again');
    await tab.shows('third');
    await tab.rests();
    const [message, answer] = await expectStored(stage, tab, 'edited', 2);
    expect([textOf(message), textOf(answer)]).toEqual(['say third', 'third']);
    await tab.reload();
    await expectStored(stage, tab, 'edited', 2);
  });

  test('answers again, as another message', async () => {
    const tab = await stage.open('again');
    await tab.send('stream 30 10');
    await tab.shows('w30');
    await tab.rests();
    const [, before] = await expectStored(stage, tab, 'again', 2);
    await tab.press('Regenerate');
    await tab.rests();
    const [, after] = await expectStored(stage, tab, 'again', 2);
    expect(textOf(after)).toBe(words(30));
    expect(after?.id).not.toBe(before?.id);
  });

  test('goes on with the edited message after a reload in mid-sentence', async () => {
    const tab = await stage.open('edited-reloaded');
    await tab.send('say first');
    await tab.shows('first');
    await tab.rests();
    await tab.pressIn('user', 'Edit');
    await tab.type('Edited message', 'stream 80 20');
    await tab.press('Save and ask again');
    await tab.shows('w20');
    await tab.reload();
    await tab.shows('w80');
    await tab.rests();
    const [, answer] = await expectStored(stage, tab, 'edited-reloaded', 2);
    expect(textOf(answer)).toBe(words(80));
  });

  test('shows why an answer failed, and has it written again', async () => {
    // An agent that does not try again by itself; a thread stays with its agent.
    await run(stage.server.url, { agentId: 'hasty', threadId: 'failed', input: 'say hello' });
    const tab = await stage.open('failed');
    await tab.send('fail http-500 1\nsay better');
    const alert = tab.page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).toContain('The model provider answered 500');
    const failed = await settledMessages(stage.server.url, 'failed', 4);
    expect(failed.at(-1)?.metadata.status).toBe('partial');
    await tab.press('Try again');
    await tab.shows('better');
    await tab.rests();
    expect(await alert.count()).toBe(0);
    const stored = await expectStored(stage, tab, 'failed', 4);
    expect(stored.at(-1)?.metadata.status).toBe('complete');
  });
});
