import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext } from 'playwright-core';
import { makeTestFolder, removeTestFolder } from '../../support/folders.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { buildPage } from './build-page.ts';
import { launchChromium } from './chromium.ts';
import { Front } from './front.ts';
import { ChatTab } from './tab.ts';

const AGENTS = fileURLToPath(new URL('../agents', import.meta.url));

/** A browser, the example that was built, and a real server behind it. */
export class Stage {
  readonly server: TestServer;
  readonly front: Front;
  readonly browser: Browser;
  readonly #folder: string;

  private constructor(parts: { server: TestServer; front: Front; browser: Browser; folder: string }) {
    this.server = parts.server;
    this.front = parts.front;
    this.browser = parts.browser;
    this.#folder = parts.folder;
  }

  static async open(): Promise<Stage> {
    const folder = await makeTestFolder();
    const [server, browser] = await Promise.all([
      startServer({ env: { OUTLAST_AGENTS_DIR: AGENTS, OUTLAST_DEFAULT_AGENT: 'operator' } }),
      launchChromium(),
      buildPage(folder),
    ]);
    return new Stage({ server, browser, folder, front: await Front.start(folder, server.url) });
  }

  /** Opens a thread in a tab, of a browser window of its own unless one is given. */
  async open(threadId: string, options: { pane?: 'chat' | 'thread'; window?: BrowserContext } = {}) {
    const window = options.window ?? (await this.browser.newContext());
    const page = await window.newPage();
    await page.goto(`${this.front.url}/?pane=${options.pane ?? 'chat'}&thread=${threadId}`);
    const tab = new ChatTab(page);
    await tab.isLoaded();
    return tab;
  }

  /**
   * Cuts the network of a tab. Chromium's own switch refuses new requests and lets go on what flows already, so that
   * the connections are broken from this side.
   */
  async cutNetwork(tab: ChatTab): Promise<void> {
    await tab.setOffline(true);
    this.front.cut();
  }

  async dispose(): Promise<void> {
    await this.browser.close();
    await this.front.close();
    await this.server.dispose();
    await removeTestFolder(this.#folder);
  }
}
