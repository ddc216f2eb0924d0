import { agentExecution } from './agent-execution.ts';
import type { ExecutionSteps, RunStep, SegmentRef } from './steps.ts';

/** What the engine offers to register a workflow with; `runStep` checkpoints what it runs. */
export interface WorkflowEngine {
  readonly runStep: RunStep;
  register(name: string, workflow: (executionId: string, segment: number) => Promise<void>): void;
}

/** The name under which segments are registered and enqueued; it is stored, so it never changes. */
export const AGENT_EXECUTION = 'agentExecution';

/** Registers every workflow with the engine; the steps come from outside. */
export function registerWorkflows(engine: WorkflowEngine, steps: ExecutionSteps): void {
  engine.register(AGENT_EXECUTION, (executionId, segment) => {
    const ref: SegmentRef = { executionId, segment };
    return agentExecution(steps, engine.runStep, ref);
  });
}
