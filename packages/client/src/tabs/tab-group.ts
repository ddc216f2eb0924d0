import type { Environment } from '../http/environment.ts';

/** What tabs of one browser need to share: `navigator.locks` and a `BroadcastChannel`, or what is like them. */
export interface TabSharing {
  /** Calls when the lock is had, and keeps it until what that gives back is settled. */
  lock(
    name: string,
    options: { steal?: boolean; signal?: AbortSignal },
    held: () => Promise<void>,
  ): Promise<unknown>;
  open(name: string, hear: (message: unknown) => void): TabChannel;
}

export interface TabChannel {
  post(message: unknown): void;
  close(): void;
}

export interface TabGroupOptions {
  name: string;
  sharing: TabSharing;
  environment: Environment;
  /** This tab leads from now on. @returns what ends that */
  lead(): () => void;
  hear(message: unknown): void;
}

/** Without a word from the leader for so long, another tab takes its place: it is frozen, or sleeps. */
const SILENCE_MS = 12_000;
/** The same for a tab that has just come, and shows nothing yet. */
const FIRST_SILENCE_MS = 2000;

/** The tabs that show the same thing: one of them leads, by a lock that the browser frees when the tab is gone. */
export class TabGroup {
  readonly #options: TabGroupOptions;
  readonly #channel: TabChannel;
  #isLeading = false;
  #isOver = false;
  #giveUp: () => void = () => undefined;
  #callOff: () => void = () => undefined;

  constructor(options: TabGroupOptions) {
    this.#options = options;
    this.#channel = options.sharing.open(options.name, (message) => {
      if (!this.#isOver) options.hear(message);
    });
    this.#queue();
    this.#wait(FIRST_SILENCE_MS);
  }

  post(message: unknown): void {
    if (!this.#isOver) this.#channel.post(message);
  }

  /** The leader has been heard: it is there. */
  heard(): void {
    this.#wait(SILENCE_MS);
  }

  #wait(silenceMs: number): void {
    this.#callOff();
    if (this.#isLeading || this.#isOver) return;
    const { environment } = this.#options;
    // Not all at once: each that takes the lock takes it from the one before.
    const patience = silenceMs * (1 + environment.random() / 2);
    this.#callOff = environment.after(patience, () => this.#take());
  }

  leave(): void {
    this.#isOver = true;
    this.#callOff();
    this.#giveUp();
    this.#channel.close();
  }

  /** Waits for the lock. */
  #queue(): void {
    const waiting = new AbortController();
    this.#giveUp = () => waiting.abort();
    this.#hold({ signal: waiting.signal });
  }

  #take(): void {
    this.#giveUp();
    if (!this.#isOver) this.#hold({ steal: true });
  }

  #hold(options: { steal?: boolean; signal?: AbortSignal }): void {
    let stop: (() => void) | undefined;
    const held = () =>
      new Promise<void>((release) => {
        if (this.#isOver) return release();
        const end = this.#lead();
        stop = end;
        this.#giveUp = () => {
          end();
          release();
        };
      });
    const { lock } = this.#options.sharing;
    lock(this.#options.name, options, held).catch((error: unknown) => {
      stop?.();
      if (this.#isOver || options.signal?.aborted === true) return;
      if ((error as { name?: unknown }).name === 'AbortError') {
        // Another tab has taken the lock: this one was believed to be gone.
        this.#queue();
        this.heard();
      } else {
        // There are no locks here, as in a frame without an origin: each for itself.
        this.#giveUp = this.#lead();
      }
    });
  }

  /** @returns what ends it */
  #lead(): () => void {
    this.#isLeading = true;
    this.#callOff();
    const end = this.#options.lead();
    return () => {
      this.#isLeading = false;
      end();
    };
  }
}
