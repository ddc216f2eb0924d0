import { type Actor, startActor } from '../processes/actor.ts';
import type { WriterVerbs } from '../writers/writer-process.ts';

const FILE = new URL('../writers/writer-process.ts', import.meta.url);

/** Starts writing processes when they are first asked for, and keeps them for the next load. */
export function keepWriters(defer: (end: () => unknown) => void): (count: number) => Actor<WriterVerbs>[] {
  const kept: Actor<WriterVerbs>[] = [];
  return (count) => {
    while (kept.length < count) {
      const writer = startActor<WriterVerbs>(FILE);
      defer(() => writer.kill());
      kept.push(writer);
    }
    return kept.slice(0, count);
  };
}
