import type { TabSharing } from '../../packages/client/src/tabs/tab-group.ts';

interface Holder {
  release(): void;
  reject(error: unknown): void;
}

interface Waiting {
  run(): void;
  tab: FakeTab;
}

interface FakeTab {
  isGone: boolean;
  isFrozen: boolean;
  /** What came while it was frozen. */
  missed: (() => void)[];
}

/** Tabs of one browser, with locks and channels as browsers have them, that can be closed and frozen. */
export class FakeBrowser {
  readonly #channels = new Map<string, Set<{ tab: FakeTab; hear(message: unknown): void }>>();
  readonly #holders = new Map<string, Holder & { tab: FakeTab }>();
  readonly #queues = new Map<string, Waiting[]>();

  open(): { sharing: TabSharing; close(): void; freeze(): void; thaw(): void; holds(): boolean } {
    const tab: FakeTab = { isGone: false, isFrozen: false, missed: [] };
    return {
      sharing: {
        lock: (name, options, held) => this.#lock(tab, name, options, held),
        open: (name, hear) => this.#openChannel(tab, name, hear),
      },
      close: () => this.#close(tab),
      freeze: () => {
        tab.isFrozen = true;
      },
      thaw: () => {
        tab.isFrozen = false;
        for (const each of tab.missed.splice(0)) each();
      },
      holds: () => [...this.#holders.values()].some((holder) => holder.tab === tab),
    };
  }

  #openChannel(tab: FakeTab, name: string, hear: (message: unknown) => void) {
    const members = this.#channels.get(name) ?? new Set();
    this.#channels.set(name, members);
    const member = { tab, hear };
    members.add(member);
    const post = (message: unknown) => {
      if (tab.isGone || tab.isFrozen) return;
      const copy = structuredClone(message);
      for (const other of members) {
        if (other !== member)
          queueMicrotask(() => this.#run(other.tab, () => members.has(other) && other.hear(copy)));
      }
    };
    return { post, close: () => void members.delete(member) };
  }

  async #lock(
    tab: FakeTab,
    name: string,
    { steal = false, signal }: { steal?: boolean; signal?: AbortSignal },
    held: () => Promise<void>,
  ): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const run = () => {
        const holder = { tab, release: resolve, reject };
        this.#holders.set(name, holder);
        const end = () => {
          if (this.#holders.get(name) !== holder) return;
          this.#holders.delete(name);
          this.#next(name);
          resolve();
        };
        void held().then(end);
      };
      const taken = this.#holders.get(name);
      if (steal && taken !== undefined) {
        this.#run(taken.tab, () => taken.reject(new DOMException('stolen', 'AbortError')));
        this.#holders.delete(name);
      }
      const queue = this.#queues.get(name) ?? [];
      this.#queues.set(name, queue);
      const waiting = { run, tab };
      signal?.addEventListener('abort', () => {
        if (queue.includes(waiting)) queue.splice(queue.indexOf(waiting), 1);
        reject(new DOMException('given up', 'AbortError'));
      });
      if (steal) queue.unshift(waiting);
      else queue.push(waiting);
      this.#next(name);
    });
  }

  #next(name: string): void {
    queueMicrotask(() => {
      if (this.#holders.has(name)) return;
      const next = this.#queues.get(name)?.shift();
      if (next === undefined) return;
      if (next.tab.isGone) this.#next(name);
      else this.#run(next.tab, next.run);
    });
  }

  #close(tab: FakeTab): void {
    tab.isGone = true;
    for (const [name, holder] of this.#holders) {
      if (holder.tab !== tab) continue;
      this.#holders.delete(name);
      this.#next(name);
    }
  }

  #run(tab: FakeTab, call: () => void): void {
    if (tab.isGone) return;
    if (tab.isFrozen) tab.missed.push(call);
    else call();
  }
}
