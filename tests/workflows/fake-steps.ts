import type { CallState, ExecutionSteps, Next, RunStep, SegmentRef } from '../../workflows/steps.ts';

/** Steps that are played from a script and write down what they are asked for. */
export class FakeSteps implements ExecutionSteps {
  readonly calls: string[] = [];
  claimed: Next | { do: 'prepare' } = { do: 'prepare' };
  prepared: Next = { do: 'model-turn', turn: 1 };
  /** What each model turn says comes next, one after the other. */
  turns: Next[] = [];
  /** What becomes of a tool call, by its id; `go-on` for the others. */
  tools: Record<string, () => Promise<CallState | Next>> = {};
  /** What each suspension says comes next, one after the other; `stop` when it is suspended. */
  suspensions: Next[] = [];

  readonly runStep: RunStep = (name, step) => {
    this.calls.push(`[${name}]`);
    return step();
  };

  async claim(): Promise<Next | { do: 'prepare' }> {
    return this.claimed;
  }

  async prepare(): Promise<Next> {
    return this.prepared;
  }

  async modelTurn(_: SegmentRef, turn: number): Promise<Next> {
    this.calls.push(`turn ${turn}`);
    const next = this.turns.shift();
    if (next === undefined) throw new Error('The script of the fake model is over');
    return next;
  }

  async backOff(_: SegmentRef, delayMs: number): Promise<void> {
    this.calls.push(`wait ${delayMs}`);
  }

  async callTool(_: SegmentRef, toolCallId: string): Promise<CallState | Next> {
    this.calls.push(`call ${toolCallId}`);
    const result = await (this.tools[toolCallId]?.() ?? Promise.resolve({ do: 'go-on' as const }));
    this.calls.push(`called ${toolCallId}`);
    return result;
  }

  async suspend(_: SegmentRef, turn: number, toolCallIds: string[]): Promise<Next> {
    this.calls.push(`suspend ${turn} ${toolCallIds.join(',')}`);
    return this.suspensions.shift() ?? { do: 'stop' };
  }

  async finish(_: SegmentRef, outcome: { status: string }): Promise<void> {
    this.calls.push(`finish ${outcome.status}`);
  }

  release({ executionId, segment }: SegmentRef): void {
    this.calls.push(`release ${executionId}:${segment}`);
  }
}
