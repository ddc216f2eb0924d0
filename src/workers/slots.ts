/** How many executions a process runs at once, however they came to it. */
export class Slots {
  readonly #limit: number;
  #taken = 0;
  #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get hasFree(): boolean {
    return this.#taken < this.#limit && this.#waiting.length === 0;
  }

  get taken(): number {
    return this.#taken;
  }

  /** How many more executions there is room for. */
  get available(): number {
    return this.hasFree ? this.#limit - this.#taken : 0;
  }

  /** Resolves when a slot is free, in the order of asking. */
  async take(): Promise<void> {
    if (this.hasFree) {
      this.#taken += 1;
      return;
    }
    // Whoever frees a slot hands it on: `#taken` stays.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  free(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken -= 1;
    else next();
  }
}
