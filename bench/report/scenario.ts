/** A number that was measured, held against one that was set beforehand. */
export interface Goal {
  readonly what: string;
  readonly actual: number;
  readonly must: 'be at most' | 'be at least' | 'be';
  readonly limit: number;
  readonly unit: string;
}

/** A row of a table: its name, and a number for each column. */
export interface Line {
  readonly name: string;
  readonly numbers: Readonly<Record<string, number | string>>;
}

/** What a scenario found out. */
export interface Findings {
  readonly title: string;
  /** What was done, in a sentence or two. */
  readonly how: string;
  readonly tables: readonly { readonly caption: string; readonly lines: readonly Line[] }[];
  readonly goals: readonly Goal[];
}

/** Something that is measured. */
export interface Scenario {
  readonly name: string;
  measure(context: BenchContext): Promise<Findings>;
}

export interface BenchContext {
  /** Ends something that was started, when the scenario is over or somebody stops it; the last one first. */
  defer(end: () => unknown): void;
  /** Says where the scenario is, for whoever waits. */
  progress(text: string): void;
}

export function isMet({ actual, must, limit }: Goal): boolean {
  if (must === 'be at most') return actual <= limit;
  return must === 'be at least' ? actual >= limit : actual === limit;
}
