import { agentExecution } from './agent-execution.ts';
import { type DeliverySteps, deliverNotification } from './deliver-notification.ts';
import type { ExecutionSteps, RunStep, SegmentRef } from './steps.ts';

/** What the engine offers to register a workflow with; `runStep` checkpoints what it runs. */
export interface WorkflowEngine {
  readonly runStep: RunStep;
  register(name: string, workflow: (id: string, no: number) => Promise<void>): void;
}

/** The name under which segments are registered and enqueued; it is stored, so it never changes. */
export const AGENT_EXECUTION = 'agentExecution';

/** The same for tries to deliver a notification. */
export const DELIVER_NOTIFICATION = 'deliverNotification';

/** Registers the workflow of executions with the engine; the steps come from outside. */
export function registerWorkflows(engine: WorkflowEngine, steps: ExecutionSteps): void {
  engine.register(AGENT_EXECUTION, (executionId, segment) => {
    const ref: SegmentRef = { executionId, segment };
    return agentExecution(steps, engine.runStep, ref);
  });
}

/** Registers the workflow of deliveries, where there is somebody to deliver to. */
export function registerDeliveries(engine: WorkflowEngine, steps: DeliverySteps): void {
  engine.register(DELIVER_NOTIFICATION, (notificationId, no) =>
    deliverNotification(steps, engine.runStep, { notificationId, no }),
  );
}
