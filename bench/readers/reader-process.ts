import type { Received } from '../log/reception.ts';

/** What a process full of readers can be asked, whatever they read from. */
export interface ReaderVerbs {
  /** Opens a reader for each address; resolves when they all are connected. `before`: rows that they skip. */
  open(databaseUrl: string, addresses: readonly string[], before: number): Promise<void>;
  /** Counts what is appended, and what comes, between these moments of `sharedNow`. */
  count(from: number, to: number): Promise<void>;
  /** How many chunks have come, over all readers. */
  total(): Promise<number>;
  received(): Promise<Received>;
  close(): Promise<void>;
}
