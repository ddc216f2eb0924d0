import type { Environment } from '../http/environment.ts';
import { TabGroup, type TabSharing } from '../tabs/tab-group.ts';
import { ThreadModel, type ThreadState } from './model.ts';
import type { ThreadUpdate } from './update.ts';

/*
 * One thread in all tabs of a browser. The leader reads the thread and tells the others each update, so that all apply
 * the same ones in the same order.
 *
 * S1. A term is one tab's leadership: the time at which it began, and greater than every term that the tab had heard
 *     of. What comes from an older term than one that was heard is not listened to: a tab that was frozen may not know
 *     yet that it leads no more.
 * S2. Updates of a term are numbered without gaps. A follower applies number n + 1 after number n, and nothing else; at
 *     any other it asks for the whole state, which says by its number what it has.
 * S3. At a new term every follower asks for the whole state, so that it is as the leader is, whoever had heard more.
 * S4. A follower that becomes leader goes on at the cursor of what it has applied; the server tells what is after that.
 */

type Told =
  | { kind: 'update'; term: number; n: number; update: ThreadUpdate }
  | { kind: 'state'; term: number; n: number; to: string; state: ThreadState }
  | { kind: 'alive'; term: number; n: number };
type Asked = { kind: 'hello'; from: string } | { kind: 'made' };

export interface SharedThreadOptions {
  name: string;
  /** Undefined: this page is alone. */
  sharing: TabSharing | undefined;
  environment: Environment;
  /** Random; another in each tab. */
  tab: string;
  /** Called when there is something new in the model. */
  onChange(): void;
  /** This tab reads the thread from now on, where its model is. @returns what ends that */
  lead(): () => void;
  /** Another tab has made the thread that was missing. */
  onMade(): void;
}

const ALIVE_MS = 4000;

export class SharedThread {
  model: ThreadModel;
  readonly #options: SharedThreadOptions;
  readonly #group: TabGroup | undefined;
  #isLeading = false;
  #isOver = false;
  /** The term and number of what this tab has applied; of a leader, of what it has told. */
  #term = 0;
  #n = 0;
  #isSynced = false;
  /** Updates that came while the state before them was being restored. */
  #held: Told[] | undefined;
  #end: () => void = () => undefined;

  constructor(options: SharedThreadOptions) {
    this.#options = options;
    this.model = new ThreadModel(options.onChange);
    const { sharing, name, environment } = options;
    if (sharing === undefined) {
      this.#end = this.#lead();
      return;
    }
    const lead = () => this.#lead();
    const hear = (message: unknown) => this.#hear(message as Told | Asked);
    this.#group = new TabGroup({ name, sharing, environment, lead, hear });
    this.#askForState();
  }

  /** What the leader has read. */
  tell(update: ThreadUpdate): void {
    if (!this.#isLeading) return;
    this.#n += 1;
    this.model.apply(update);
    this.#group?.post({ kind: 'update', term: this.#term, n: this.#n, update } satisfies Told);
  }

  /** A thread that was missing was made here. */
  made(): void {
    if (this.#isLeading) this.#options.onMade();
    else this.#group?.post({ kind: 'made' } satisfies Asked);
  }

  leave(): void {
    this.#isOver = true;
    this.#end();
    this.#group?.leave();
  }

  #lead(): () => void {
    this.#isLeading = true;
    this.#term = Math.max(this.#term + 1, this.#options.environment.wall());
    this.#n = 0;
    this.#held = undefined;
    const stop = this.#options.lead();
    const stayAlive = this.#stayAlive();
    const end = () => {
      this.#isLeading = false;
      this.#isSynced = false;
      stayAlive();
      stop();
    };
    return end;
  }

  /** Says that there is a leader, now and again. */
  #stayAlive(): () => void {
    if (this.#options.sharing === undefined) return () => undefined;
    let callOff = () => {};
    const say = () => {
      this.#group?.post({ kind: 'alive', term: this.#term, n: this.#n } satisfies Told);
      callOff = this.#options.environment.after(ALIVE_MS, say);
    };
    // The first once the group is made, of which this may be a part.
    queueMicrotask(say);
    return () => callOff();
  }

  #hear(message: Told | Asked): void {
    if (message.kind === 'made') {
      if (this.#isLeading) this.#options.onMade();
    } else if (message.kind === 'hello') {
      if (this.#isLeading) void this.#tellState(message.from);
    } else this.#hearLeader(message);
  }

  async #tellState(to: string): Promise<void> {
    await this.model.settled();
    if (!this.#isLeading) return;
    const { state } = this.model;
    this.#group?.post({ kind: 'state', term: this.#term, n: this.#n, to, state } satisfies Told);
  }

  #hearLeader(told: Told): void {
    if (this.#isLeading || told.term < this.#term) return;
    this.#group?.heard();
    const isAnswer = told.kind === 'state' && told.to === this.#options.tab;
    if (told.term > this.#term) {
      this.#term = told.term;
      this.#isSynced = false;
      this.#held = undefined;
      if (told.kind !== 'alive' && !isAnswer) this.#askForState();
    }
    if (told.kind === 'state') {
      if (isAnswer) void this.#become(told);
    } else if (this.#held !== undefined) this.#held.push(told);
    else if (this.#isSynced) this.#apply(told);
    // What was asked before may have reached nobody.
    else if (told.kind === 'alive') this.#askForState();
  }

  #apply(told: Told & { kind: 'update' | 'alive' }): void {
    const isNext = told.kind === 'update' && told.n === this.#n + 1;
    if (isNext) {
      this.#n = told.n;
      this.model.apply(told.update);
    } else if (told.n > this.#n) {
      this.#isSynced = false;
      this.#askForState();
    }
  }

  async #become({ term, n, state }: Told & { kind: 'state' }): Promise<void> {
    const held: Told[] = [];
    this.#held = held;
    const model = await ThreadModel.restore(state, this.#options.onChange, this.model.state);
    // Meanwhile this tab may lead itself, or somebody else, or a newer state has come.
    if (this.#held !== held || this.#isOver) return;
    this.#held = undefined;
    this.model = model;
    this.#term = term;
    this.#n = n;
    this.#isSynced = true;
    this.#options.onChange();
    for (const told of held) if (told.kind !== 'state' && this.#isSynced) this.#apply(told);
  }

  #askForState(): void {
    this.#group?.post({ kind: 'hello', from: this.#options.tab } satisfies Asked);
  }
}
