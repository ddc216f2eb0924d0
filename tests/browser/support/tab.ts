import type { CDPSession, Locator, Page } from 'playwright-core';

/** The page of the example, as a person uses it: by roles and labels. */
export class ChatTab {
  readonly page: Page;
  #devtools: CDPSession | undefined;

  constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(15_000);
  }

  async send(text: string): Promise<void> {
    await this.page.getByLabel('Message', { exact: true }).fill(text);
    await this.page.keyboard.press('Enter');
  }

  async press(button: string): Promise<void> {
    await this.page.getByRole('button', { name: button, exact: true }).click();
  }

  async type(label: string, text: string): Promise<void> {
    await this.page.getByLabel(label, { exact: true }).fill(text);
  }

  /** Clicks a button inside the newest message of somebody. */
  async pressIn(role: 'user' | 'assistant', button: string): Promise<void> {
    await this.messages(role).last().getByRole('button', { name: button, exact: true }).click();
  }

  messages(role: 'user' | 'assistant'): Locator {
    return this.page.locator(`li[data-role="${role}"]`);
  }

  /** The texts of the agent's messages, each of its parts on a line. */
  async answers(): Promise<string[]> {
    const messages = await this.messages('assistant').all();
    return Promise.all(
      messages.map(async (message) => (await message.locator('p.text').allTextContents()).join('\n')),
    );
  }

  async ids(): Promise<(string | null)[]> {
    const messages = await this.page.locator('li[data-message-id]').all();
    return Promise.all(messages.map((message) => message.getAttribute('data-message-id')));
  }

  /** Waits until the newest answer shows a text. */
  async shows(text: string, deadlineMs = 20_000): Promise<void> {
    const paragraph = this.messages('assistant').last().locator('p.text', { hasText: text });
    await paragraph.last().waitFor({ timeout: deadlineMs });
  }

  /** Waits until the page says that nothing is being written, or can be, or that a person has to act. */
  async rests(status: 'idle' | 'waiting' | 'offline' = 'idle'): Promise<void> {
    await this.page.locator(`[role="status"][data-status="${status}"]`).waitFor({ state: 'attached' });
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.isLoaded();
  }

  /** Waits until the page shows the thread. */
  async isLoaded(): Promise<void> {
    await this.page.getByRole('log').waitFor({ state: 'attached' });
  }

  /** The network of this tab, as the browser itself cuts it. */
  async setOffline(offline: boolean): Promise<void> {
    this.#devtools ??= await this.page.context().newCDPSession(this.page);
    await this.#devtools.send('Network.enable');
    await this.#devtools.send('Network.emulateNetworkConditions', {
      offline,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: -1,
    });
  }

  /** As the browser tells a page that somebody looks at it again. */
  async becomeVisible(): Promise<void> {
    await this.page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`);
  }
}
