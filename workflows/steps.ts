/** Which segment of which execution a workflow is for. */
export interface SegmentRef {
  executionId: string;
  segment: number;
}

/** How an execution ends. */
export type Outcome =
  | { status: 'completed'; finishReason: string }
  | { status: 'failed'; code: string; detail: string };

/** What a step found out should be done next. */
export type Next =
  | { do: 'model-turn'; turn: number }
  | { do: 'back-off'; turn: number; delayMs: number }
  | { do: 'tools'; turn: number; toolCallIds: string[] }
  /** A call of the turn waits for a person, and all that need none are over. */
  | { do: 'suspend'; turn: number; toolCallIds: string[] }
  | { do: 'finish'; outcome: Outcome }
  /** Somebody else owns the execution, or will, or it waits for a person: end quietly. */
  | { do: 'stop' };

/** How a tool call stands: it has its result, or a person has to decide about it first. */
export type CallState = { do: 'go-on' } | { do: 'wait' };

/**
 * The steps of an execution. Each runs at least once and takes effect exactly once: it looks for its own result
 * first. None of them throws; a lost execution is the answer `stop`, a fault of ours is an outcome.
 */
export interface ExecutionSteps {
  /** Waits for a free slot, then makes this worker the owner. */
  claim(ref: SegmentRef): Promise<Next | { do: 'prepare' }>;
  /** Writes the execution's inputs and the log's first row, if they are absent, and finds where to go on. */
  prepare(ref: SegmentRef): Promise<Next>;
  /** One call of the model, streamed into the log. */
  modelTurn(ref: SegmentRef, turn: number): Promise<Next>;
  /** Waits before a failed model call is made again. */
  backOff(ref: SegmentRef, delayMs: number): Promise<void>;
  /** One tool call of a turn. */
  callTool(ref: SegmentRef, toolCallId: string): Promise<CallState | Next>;
  /** Lets the execution wait for people, and the segment end; or goes on with the calls if all is decided by now. */
  suspend(ref: SegmentRef, turn: number, toolCallIds: string[]): Promise<Next>;
  /** Seals the log, stores the message and makes the execution final. */
  finish(ref: SegmentRef, outcome: Outcome): Promise<void>;
  /** Frees what this process holds for the segment; not a step, for it changes nothing that lasts. */
  release(ref: SegmentRef): void;
}

/** Runs a function as a checkpointed step; given by the engine. */
export type RunStep = <T>(name: string, step: () => Promise<T>) => Promise<T>;
