import { DBOS } from '@dbos-inc/dbos-sdk';
import type { Chunk } from '../../src/chunks/chunk.ts';
import { launchDbos, STREAM } from './dbos-streams.ts';
import type { Writer, WriterTarget } from './writer.ts';

/** What waits for one workflow's stream. Only one writer a stream: concurrent ones would collide and wait. */
class Queue {
  readonly #onWritten: () => void;
  #chunks: string[] = [];
  #waiters: (() => void)[] = [];
  #isEnded = false;
  #wake = () => {};

  constructor(onWritten: () => void) {
    this.#onWritten = onWritten;
  }

  push(chunk: string): void {
    this.#chunks.push(chunk);
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** Resolves once all is written. */
  async written(): Promise<void> {
    if (this.#chunks.length > 0) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Writes one after the other, also what comes meanwhile, until the end. */
  async writeAll(write: (chunk: string) => Promise<void>): Promise<void> {
    while (!this.#isEnded || this.#chunks.length > 0) {
      for (const chunk of this.#chunks) {
        await write(chunk);
        this.#onWritten();
      }
      this.#chunks = [];
      for (const resolve of this.#waiters.splice(0)) resolve();
      if (!this.#isEnded) await this.#untilWoken();
    }
  }

  async #untilWoken(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

let queues: Queue[] = [];

/** From within one step, where a write costs less than a workflow's own, which are a step each. */
const produce = DBOS.registerWorkflow(
  async (execution: number) => {
    const write = (chunk: string) => DBOS.writeStream(STREAM, chunk);
    await DBOS.runStep(async () => queues[execution]?.writeAll(write), { name: 'produce' });
    await DBOS.closeStream(STREAM);
  },
  { name: 'produce' },
);

let isLaunched = false;

/** A workflow for each execution, which writes its stream. */
export async function openDbosWriter({ databaseUrl, executions }: WriterTarget): Promise<Writer> {
  if (!isLaunched) await launchDbos(databaseUrl, `writer-${process.pid}`);
  isLaunched = true;
  let committed = 0;
  queues = executions.map(() => new Queue(() => committed++));
  const handles = await Promise.all(
    executions.map(({ id }, execution) => DBOS.startWorkflow(produce, { workflowID: id })(execution)),
  );
  return {
    append: (execution: number, chunk: Chunk) => queues[execution]?.push(JSON.stringify(chunk)),
    drained: async (execution) => queues[execution]?.written(),
    get committed() {
      return committed;
    },
    commits: undefined,
    close: async () => {
      for (const queue of queues) queue.end();
      await Promise.all(handles.map((handle) => handle.getResult({ pollingIntervalMs: 20 })));
    },
  };
}
