import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createOutlastClient } from '../../packages/client/src/index.ts';
import type { TabSharing } from '../../packages/client/src/tabs/tab-group.ts';
import { ThreadStore } from '../../packages/client/src/thread/thread-store.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { type CuttingProxy, openCuttingProxy } from './cutting-proxy.ts';
import { FakeBrowser } from './fake-tabs.ts';
import { HURRIED } from './hurried.ts';

const SCRIPT = 'think hm\nsay one moment\ncall lookup_order {"orderId":"o1"}\n---\nsay that is all';

let server: TestServer;
let proxy: CuttingProxy;
let threads = 0;
const stores: ThreadStore[] = [];

const newId = () => `thread-${process.pid}-${threads++}`;
const direct = () => createOutlastClient({ baseUrl: server.url });

/** A page that shows a thread. */
function show(threadId: string, tabs: TabSharing | null = null): ThreadStore {
  const { connection } = createOutlastClient({ baseUrl: proxy.url, environment: HURRIED });
  const store = new ThreadStore({ connection, threadId, tabs });
  store.subscribe(() => undefined);
  stores.push(store);
  return store;
}

const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
const stored = async (threadId: string) => plain((await direct().threads.messages(threadId)).data);
const shown = (store: ThreadStore) => plain(store.view().messages);
const rest = (store: ThreadStore, messages: number) =>
  waitFor(
    () =>
      store.view().status === 'idle' &&
      store.view().messages.length === messages &&
      store.view().connection === 'live',
    { describe: () => `${messages} messages and rest: ${JSON.stringify(store.view())}` },
  );

async function say(threadId: string, text: string): Promise<string> {
  const { execution } = await direct().executions.start({ threadId, agentId: 'operator', input: text });
  return execution.id;
}

beforeAll(async () => {
  server = await startServer();
  proxy = await openCuttingProxy(server.url);
});
beforeEach(() => {
  proxy.fates = [];
  proxy.streams.length = 0;
  for (const store of stores.splice(0)) store.close();
});
afterAll(async () => {
  for (const store of stores) store.close();
  await proxy.close();
  await server.dispose();
});

describe('a thread in a page', () => {
  test('is what is stored, wherever its connection is cut', async () => {
    for (let cutAfter = 0; ; cutAfter++) {
      const threadId = newId();
      await direct().executions.wait(await say(threadId, 'say before'));
      proxy.fates = [{ cutAfter }];
      proxy.streams.length = 0;
      const store = show(threadId);
      await rest(store, 2);
      await say(threadId, SCRIPT);
      await rest(store, 4);
      expect([cutAfter, shown(store)]).toEqual([cutAfter, await stored(threadId)]);
      expect(store.view().error).toBeNull();
      store.close();
      if (proxy.streams.length === 1) break;
    }
  }, 120_000);

  test('shows what is sent at once, and then as it is stored; a thread is made by that', async () => {
    const threadId = newId();
    const store = show(threadId);
    await waitFor(() => store.view().status === 'idle', { describe: 'an empty thread' });
    const sent = store.send('say hi', { agentId: 'operator' });
    await waitFor(() => store.view().messages.length > 0, { describe: 'the message' });
    expect(store.view().messages).toMatchObject([{ role: 'user', metadata: { status: 'sending' } }]);
    expect(await sent).toBe(true);
    await rest(store, 2);
    expect(shown(store)).toEqual(await stored(threadId));
  });

  test('keeps a message that could not be sent, and sends it once', async () => {
    const threadId = newId();
    const store = show(threadId);
    await waitFor(() => store.view().status === 'idle', { describe: 'an empty thread' });
    expect(await store.send('say hi', { agentId: 'nobody' })).toBe(false);
    const [message] = store.view().messages;
    expect(message).toMatchObject({ metadata: { status: 'failed', error: { code: 'agent-not-found' } } });
    expect(store.view().error).toMatchObject({ code: 'agent-not-found' });
    expect(await store.retry(message?.id ?? '')).toBe(false);
    expect(await store.retry('unknown')).toBe(false);
  });

  test('goes on over the death and the restart of the server', async () => {
    const threadId = newId();
    const store = show(threadId);
    await store.send('stream 40 20', { agentId: 'operator' });
    await waitFor(() => store.view().messages[1]?.parts.length === 2, { describe: 'some words' });
    await server.kill();
    await waitFor(() => store.view().connection !== 'live', { describe: 'the page to know' });
    await server.start();
    await rest(store, 2);
    expect(shown(store)).toEqual(await stored(threadId));
  }, 60_000);

  test('begins an answer again, and shows an edited message, with nothing of what was dropped', async () => {
    const threadId = newId();
    await direct().executions.wait(await say(threadId, SCRIPT));
    const [store, other] = [show(threadId), show(threadId)];
    await rest(store, 2);
    const before = shown(store);
    await store.regenerate();
    await waitFor(() => JSON.stringify(shown(store)) !== JSON.stringify(before), {
      describe: 'another answer',
    });
    await rest(store, 2);
    expect(shown(store)).toEqual(await stored(threadId));
    expect(await store.edit(store.view().messages[0]?.id ?? '', 'say something else')).toBe(true);
    for (const each of [store, other]) {
      await waitFor(() => JSON.stringify(shown(each)).includes('"something else"'), {
        describe: () => `the edit: ${JSON.stringify(each.view())}`,
      });
      await rest(each, 2);
      expect(shown(each)).toEqual(await stored(threadId));
    }
  });

  test('has the whole answer, in whatever middle of it a page begins', async () => {
    const threadId = newId();
    const id = await say(
      threadId,
      'think well then\nsay one two\ncall slow_report {"seconds":1,"name":"r"}\n---\nstream 20 20',
    );
    const pages: ThreadStore[] = [];
    for (
      let ends = false;
      !ends;
      ends = (await direct().executions.wait(id, { timeoutMs: 60 })).finishedAt !== null
    )
      pages.push(show(threadId));
    expect(pages.length).toBeGreaterThan(8);
    for (const page of pages) {
      await rest(page, 2);
      expect(shown(page)).toEqual(await stored(threadId));
    }
  });

  test('stops, and has what was said so far as it is stored', async () => {
    const threadId = newId();
    const store = show(threadId);
    await store.send('stream 500 20', { agentId: 'operator' });
    await waitFor(() => store.view().messages[1]?.parts.length === 2, { describe: 'some words' });
    expect(await store.stop()).toBe(true);
    await rest(store, 2);
    expect(store.view().messages[1]?.metadata?.status).toBe('partial');
    expect(shown(store)).toEqual(await stored(threadId));
  });

  test('decides, answers, and says why it could not', async () => {
    const threadId = newId();
    const store = show(threadId);
    await store.send('call ask_person {"question":"q"}\n---\nsay done', { agentId: 'operator' });
    await waitFor(() => store.view().approvals.length === 1, { describe: 'the question' });
    const id = store.view().approvals[0]?.id ?? '';
    expect(await store.decide(id, { decision: 'approve' })).toBe(false);
    expect(store.view().error).toMatchObject({ code: 'decision-not-applicable' });
    expect(await store.decide(id, { decision: 'answer', answer: 'blue' })).toBe(true);
    expect(store.view()).toMatchObject({ error: null, approvals: [] });
    await rest(store, 2);
    expect(JSON.stringify(shown(store))).toContain('blue');
    expect(shown(store)).toEqual(await stored(threadId));
  });

  test('shows what a person is asked until that is decided', async () => {
    const threadId = newId();
    const store = show(threadId);
    await store.send('call refund_order {"orderId":"o1","amount":5}\n---\nsay done', { agentId: 'operator' });
    await waitFor(() => store.view().approvals.length === 1, { describe: 'the question' });
    await waitFor(() => store.view().status === 'suspended', { describe: 'the wait' });
    const [asked] = store.view().approvals;
    proxy.cutAll();
    await direct().executions.decide(asked?.executionId ?? '', asked?.toolCallId ?? '', { approved: true });
    await rest(store, 2);
    expect(store.view().approvals).toEqual([]);
    expect(shown(store)).toEqual(await stored(threadId));
  });

  test('keeps nothing of an answer that was discarded', async () => {
    const threadId = newId();
    const store = show(threadId);
    await store.send('stream 500 20', { agentId: 'operator' });
    await waitFor(() => store.view().messages[1]?.parts.length === 2, { describe: 'some words' });
    await direct().executions.cancel(store.view().execution?.id ?? '', { mode: 'discard' });
    await rest(store, 1);
    expect(shown(store)).toEqual(await stored(threadId));
  });

  test('ends some time after nobody looks, and not when it is looked at again', async () => {
    const threadId = newId();
    await direct().executions.wait(await say(threadId, 'say hi'));
    const timers: { ms: number; call: () => void }[] = [];
    const after = (ms: number, call: () => void) => {
      const timer = { ms, call };
      timers.push(timer);
      return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1));
    };
    const states: string[] = [];
    const { connection } = createOutlastClient({ baseUrl: proxy.url, environment: { after } });
    const store = new ThreadStore({ connection, threadId, tabs: null });
    const linger = () => timers.find(({ ms }) => ms === 5000);
    const unsubscribe = store.subscribe(() => states.push(store.view().connection));
    unsubscribe();
    unsubscribe();
    expect(linger()).toBeDefined();
    // As React does in development: effects twice.
    const listener = () => undefined;
    const again = [store.subscribe(listener), store.subscribe(listener)];
    expect(linger()).toBeUndefined();
    await rest(store, 2);
    expect(proxy.streams).toHaveLength(1);
    again[0]?.();
    expect(linger()).toBeUndefined();
    again[1]?.();
    linger()?.call();
    await waitFor(() => timers.every(({ ms }) => ms === 5000), {
      describe: 'the end',
    });
    expect(store.view().messages).toHaveLength(2);
  });
});

describe('a thread in several tabs', () => {
  test('has one connection, and is the same in all', async () => {
    const threadId = newId();
    const browser = new FakeBrowser();
    const tabs = Array.from({ length: 9 }, () => show(threadId, browser.open().sharing));
    for (const tab of tabs) await waitFor(() => tab.view().status === 'idle', { describe: 'the tabs' });
    await tabs[5]?.send(SCRIPT, { agentId: 'operator' });
    for (const tab of tabs) {
      await rest(tab, 2);
      expect(shown(tab)).toEqual(await stored(threadId));
    }
    expect(proxy.streams.filter((each) => each.includes('/threads/'))).toHaveLength(1);
  });

  test('goes on in another tab, at whatever row the leading one is closed', async () => {
    for (let rows = 1; ; rows++) {
      const threadId = newId();
      await direct().executions.wait(await say(threadId, 'say before'));
      const browser = new FakeBrowser();
      const tabs = Array.from({ length: 9 }, () => browser.open());
      const pages = tabs.map((tab) => show(threadId, tab.sharing));
      for (const page of pages) await rest(page, 2);
      const leader = tabs.findIndex((tab) => tab.holds());
      proxy.fates = [];
      let seen = 0;
      const leading = pages[leader] as ThreadStore;
      let last = '';
      const closed = new Promise<boolean>((resolve) => {
        leading.subscribe(() => {
          const now = JSON.stringify(leading.view().messages);
          if (now !== last) seen += 1;
          last = now;
          if (seen === rows) {
            tabs[leader]?.close();
            leading.close();
            resolve(true);
          } else if (leading.view().status === 'idle' && leading.view().messages.length === 4) resolve(false);
        });
      });
      await say(threadId, SCRIPT);
      const wasClosed = await closed;
      const others = pages.filter((page) => page !== leading);
      for (const page of others) {
        await rest(page, 4);
        expect([rows, shown(page)]).toEqual([rows, await stored(threadId)]);
      }
      for (const page of pages) page.close();
      if (!wasClosed) break;
      expect(rows).toBeLessThan(60);
    }
  }, 120_000);

  test('goes on in another tab when the leading one is frozen, which catches up when it wakes', async () => {
    const threadId = newId();
    await direct().executions.wait(await say(threadId, 'say before'));
    const browser = new FakeBrowser();
    const timers = new Set<{ ms: number; call: () => void }>();
    const after = (ms: number, call: () => void) => {
      const timer = { ms, call };
      if (ms >= 2000 && ms < 20_000) timers.add(timer);
      const real = ms < 2000 ? setTimeout(call, ms) : undefined;
      return () => {
        timers.delete(timer);
        clearTimeout(real);
      };
    };
    const tabs = [browser.open(), browser.open()];
    const pages = tabs.map(({ sharing }) => {
      const { connection } = createOutlastClient({
        baseUrl: proxy.url,
        environment: { after, random: () => 0 },
      });
      const store = new ThreadStore({ connection, threadId, tabs: sharing });
      store.subscribe(() => undefined);
      stores.push(store);
      return store;
    });
    for (const page of pages) await rest(page, 2);
    expect(tabs.map((tab) => tab.holds())).toEqual([true, false]);
    tabs[0]?.freeze();
    for (const timer of timers) if (timer.ms === 12_000) timer.call();
    await waitFor(() => tabs[1]?.holds(), { describe: 'the other tab to lead' });
    await say(threadId, SCRIPT);
    await rest(pages[1] as ThreadStore, 4);
    expect(shown(pages[1] as ThreadStore)).toEqual(await stored(threadId));
    tabs[0]?.thaw();
    await rest(pages[0] as ThreadStore, 4);
    expect(shown(pages[0] as ThreadStore)).toEqual(await stored(threadId));
    expect(tabs.map((tab) => tab.holds())).toEqual([false, true]);
  });
});
