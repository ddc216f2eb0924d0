import { fence, fenceNotice, makeFenceId } from './fence.ts';
import type { RenderedInput } from './render-input.ts';

/** Pieces that may be written, so that lists within lists come to an end. */
const MOST_PIECES = 100_000;

/** The input as it is written, within its limits. */
export class InputPage {
  readonly #limit: number;
  readonly #fenceId = makeFenceId();
  readonly #missing = new Map<string, string>();
  #text = '';
  #pieces = 0;
  #hasFence = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Nothing more is to be written. */
  get isFull(): boolean {
    return this.#text.length > this.#limit || this.#pieces > MOST_PIECES;
  }

  write(text: string): void {
    this.#pieces += 1;
    this.#text += text;
  }

  writeFenced(text: string): void {
    this.#hasFence = true;
    this.write(fence(text, this.#fenceId));
  }

  miss(pointer: string, at: string): void {
    this.#pieces += 1;
    this.#missing.set(pointer, at);
  }

  end(): RenderedInput {
    const faults = [...this.#missing].map(([pointer, at]) => ({
      pointer,
      message: `is not there, and the template shows it (${at})`,
    }));
    if (faults.length > 0) return { faults };
    if (this.#text.trim() === '')
      return { faults: [{ pointer: '/input', message: 'is empty once it is filled in' }] };
    if (this.isFull) return { faults: [{ pointer: '/payload', message: this.#tooLong() }] };
    return { text: this.#hasFence ? `${this.#text}\n\n${fenceNotice(this.#fenceId)}` : this.#text };
  }

  #tooLong(): string {
    return `makes an input of more than ${this.#limit} characters or ${MOST_PIECES} pieces`;
  }
}
