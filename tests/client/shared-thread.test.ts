import { describe, expect, test } from '@jest/globals';
import { hostEnvironment } from '../../packages/client/src/http/environment.ts';
import type { TabSharing } from '../../packages/client/src/tabs/tab-group.ts';
import type { ThreadMessage } from '../../packages/client/src/thread/message.ts';
import { ThreadModel } from '../../packages/client/src/thread/model.ts';
import { SharedThread } from '../../packages/client/src/thread/shared-thread.ts';
import type { ThreadUpdate } from '../../packages/client/src/thread/update.ts';
import { waitFor } from '../support/wait-for.ts';

const user = (id: string): ThreadMessage => ({
  id,
  role: 'user',
  parts: [],
  metadata: { status: 'complete' },
});
const loaded = (olderCursor: string | null, ...ids: string[]): ThreadUpdate => ({
  type: 'loaded',
  messages: ids.map(user),
  cursor: '1.0',
  olderCursor,
});
const added = (id: string): ThreadUpdate => ({ type: 'thread-message', message: user(id) as never });
const stateOf = (update: ThreadUpdate) => {
  const model = new ThreadModel(() => undefined);
  model.apply(update);
  return model.state;
};

/** A tab whose lock and channel the test holds in its hands. */
function openTab({ lock }: Partial<TabSharing> = {}) {
  const posted: { kind: string; term?: number; n?: number }[] = [];
  let hear: (message: unknown) => void = () => undefined;
  let grant: () => Promise<void> = async () => undefined;
  const leads: string[] = [];
  const timers: { ms: number; call: () => void }[] = [];
  const sharing: TabSharing = {
    lock:
      lock ??
      ((_name, _options, held) => {
        grant = held;
        return new Promise(() => undefined);
      }),
    open: (_name, listener) => {
      hear = listener;
      return { post: (message) => void posted.push(message as { kind: string }), close: () => undefined };
    },
  };
  const environment = {
    ...hostEnvironment(),
    wall: () => 1000,
    after: (ms: number, call: () => void) => {
      timers.push({ ms, call });
      return () => undefined;
    },
  };
  const shared = new SharedThread({
    name: 'n',
    tab: 'me',
    sharing,
    environment,
    onChange: () => undefined,
    lead: () => {
      leads.push('begin');
      return () => leads.push('end');
    },
    onMade: () => leads.push('made'),
  });
  const ids = () => shared.model.state.messages.map(({ id }) => id);
  const asks = () => posted.filter(({ kind }) => kind === 'hello').length;
  return {
    shared,
    posted,
    leads,
    ids,
    asks,
    hear: (message: unknown) => hear(message),
    lead: () => void grant(),
  };
}

const state = (term: number, n: number, ...ids: string[]) => ({
  kind: 'state',
  term,
  n,
  to: 'me',
  state: stateOf(loaded(null, ...ids)),
});
const update = (term: number, n: number, id: string) => ({ kind: 'update', term, n, update: added(id) });
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a tab that follows', () => {
  test('asks for the state, and applies what comes after it and nothing else', async () => {
    const { hear, ids, asks } = openTab();
    expect(asks()).toBe(1);
    hear(update(5, 3, 'early'));
    hear(state(5, 4, 'a'));
    hear(update(5, 4, 'in the state'));
    hear(update(5, 5, 'b'));
    await settled();
    expect(ids()).toEqual(['a', 'b']);
  });

  test('asks again at a gap, and waits for the answer', async () => {
    const { hear, ids, asks } = openTab();
    hear(state(5, 1, 'a'));
    await settled();
    const before = asks();
    hear(update(5, 3, 'c'));
    hear(update(5, 4, 'd'));
    expect([asks() - before, ids()]).toEqual([1, ['a']]);
    hear(state(5, 4, 'a', 'b', 'c', 'd'));
    await settled();
    expect(ids()).toEqual(['a', 'b', 'c', 'd']);
    hear({ kind: 'alive', term: 5, n: 6 });
    expect(asks() - before).toBe(2);
  });

  test('becomes what a new leader is, and hears the old one no more', async () => {
    const { hear, ids, asks } = openTab();
    hear(state(5, 1, 'a'));
    await settled();
    const before = asks();
    hear(update(6, 1, 'x'));
    expect([asks() - before, ids()]).toEqual([1, ['a']]);
    hear(state(6, 1, 'a', 'x'));
    await settled();
    hear(update(5, 2, 'late'));
    hear(state(5, 9, 'late'));
    hear(update(6, 2, 'y'));
    await settled();
    expect(ids()).toEqual(['a', 'x', 'y']);
  });

  test('asks until it is answered, at every sign of life', () => {
    const { hear, asks } = openTab();
    for (const n of [0, 1, 2]) hear({ kind: 'alive', term: 5, n });
    hear(update(5, 3, 'a'));
    expect(asks()).toBe(4);
  });

  test('does not listen to what is for another tab', async () => {
    const { hear, ids } = openTab();
    hear({ ...state(5, 1, 'a'), to: 'you' });
    await settled();
    expect(ids()).toEqual([]);
  });

  test('keeps what it has loaded of older messages', async () => {
    const { hear, ids, shared } = openTab();
    hear(state(5, 1, 'c', 'd'));
    await settled();
    shared.model.apply({ type: 'older', messages: [user('a'), user('b')], olderCursor: null });
    hear(update(6, 1, 'x'));
    hear(state(6, 1, 'c', 'd', 'e'));
    await settled();
    expect(ids()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});

describe('a tab that leads', () => {
  test('takes a term beyond all it has heard of, and tells what it reads and what it has', async () => {
    const { hear, ids, posted, lead, leads, shared } = openTab();
    hear(state(7000, 4, 'a'));
    await settled();
    lead();
    await settled();
    expect([leads, posted.at(-1)]).toEqual([['begin'], { kind: 'alive', term: 7001, n: 0 }]);
    shared.tell(added('b'));
    expect(posted.at(-1)).toMatchObject({ kind: 'update', term: 7001, n: 1 });
    hear({ kind: 'hello', from: 'you' });
    await waitFor(() => posted.at(-1)?.kind === 'state', { describe: 'the state' });
    expect(posted.at(-1)).toMatchObject({ to: 'you', term: 7001, n: 1, state: { cursor: '1.0' } });
    hear(update(9000, 1, 'from another'));
    expect(ids()).toEqual(['a', 'b']);
    hear({ kind: 'made' });
    expect(leads).toEqual(['begin', 'made']);
    shared.leave();
    expect(leads).toEqual(['begin', 'made', 'end']);
  });

  test('is every tab where the browser gives no locks', async () => {
    const lock = () => Promise.reject(new DOMException('no', 'SecurityError'));
    const { leads, shared } = openTab({ lock });
    await settled();
    expect(leads).toEqual(['begin']);
    shared.leave();
    expect(leads).toEqual(['begin', 'end']);
  });
});
