import type { Answer, Question } from './actor.ts';

/** Makes this process one that is asked things by the one that started it, and ends it together with that one. */
export function serveActor(verbs: object): void {
  const send = (answer: Answer) => process.send?.(answer);
  process.on('message', ({ id, verb, args }: Question) => {
    const act = (verbs as Record<string, (...args: unknown[]) => Promise<unknown>>)[verb];
    if (act === undefined) throw new Error(`There is no verb ${verb}`);
    act(...args).then(
      (value) => send({ id, value }),
      (error: unknown) => send({ id, error: error instanceof Error ? (error.stack ?? '') : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole group; the one that started this process decides what becomes of it.
  process.on('SIGINT', () => undefined);
}
