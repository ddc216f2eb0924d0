import { fork } from 'node:child_process';
import { once } from 'node:events';

/** What the process of an actor is asked, and what it answers. */
export interface Question {
  readonly id: number;
  readonly verb: string;
  readonly args: unknown[];
}

export type Answer = { id: number; value: unknown } | { id: number; error: string };

type ArgsOf<F> = F extends (...args: infer A) => unknown ? A : never;
type ValueOf<F> = F extends (...args: never[]) => Promise<infer R> ? R : never;

/** A process that does what it is asked: `Verbs` is what its file serves. */
export interface Actor<Verbs> {
  readonly pid: number;
  ask<K extends keyof Verbs & string>(verb: K, ...args: ArgsOf<Verbs[K]>): Promise<ValueOf<Verbs[K]>>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Starts a file that calls `serveActor`, as a process of its own. Whoever still asks it when it dies is told. */
export function startActor<Verbs>(file: URL): Actor<Verbs> {
  const { PATH = '', HOME = '' } = process.env;
  const child = fork(file, {
    execArgv: ['--conditions=outlast-source'],
    env: { PATH, HOME },
    serialization: 'advanced',
  });
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  child.on('message', (answer: Answer) => {
    const waiter = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) waiter?.reject(new Error(answer.error));
    else waiter?.resolve(answer.value);
  });
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.values()) {
      reject(new Error(`${file.pathname} ended while it was asked something (${code ?? signal})`));
    }
    waiting.clear();
  });
  const ask = (verb: string, ...args: unknown[]) => {
    const answer = new Promise<unknown>((resolve, reject) => {
      const id = ++asked;
      waiting.set(id, { resolve, reject });
      child.send({ id, verb, args } satisfies Question, (error) => {
        if (error === null) return;
        waiting.delete(id);
        reject(error);
      });
    });
    // Whoever asked may wait for something else meanwhile: that is no unhandled rejection, he hears of it then.
    answer.catch(() => undefined);
    return answer;
  };
  return {
    pid: child.pid ?? 0,
    ask: ask as Actor<Verbs>['ask'],
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
