import type { ExecutionSteps, Next, RunStep, SegmentRef } from './steps.ts';

/**
 * One segment of an execution: from its claim to its end, or to the next hand-over. A segment's workflow is used
 * once and never replayed; a takeover runs a new one, which finds finished work in the tables and goes on.
 */
export async function agentExecution(
  steps: ExecutionSteps,
  runStep: RunStep,
  ref: SegmentRef,
): Promise<void> {
  try {
    const claim = await runStep('claim', () => steps.claim(ref));
    let next = claim.do === 'prepare' ? await runStep('prepare', () => steps.prepare(ref)) : claim;
    while (next.do !== 'stop' && next.do !== 'finish') next = await follow(steps, runStep, ref, next);
    if (next.do === 'stop') return;
    const { outcome } = next;
    await runStep('finish', () => steps.finish(ref, outcome));
  } finally {
    steps.release(ref);
  }
}

type Work = Exclude<Next, { do: 'stop' | 'finish' }>;

async function follow(steps: ExecutionSteps, runStep: RunStep, ref: SegmentRef, next: Work): Promise<Next> {
  switch (next.do) {
    case 'model-turn':
      return runStep(`turn ${next.turn}`, () => steps.modelTurn(ref, next.turn));
    case 'back-off':
      await runStep(`back off ${next.turn}`, () => steps.backOff(ref, next.delayMs));
      return { do: 'model-turn', turn: next.turn };
    case 'tools':
      return callTools(steps, runStep, ref, next.turn, next.toolCallIds);
    case 'suspend':
      return runStep(`suspend ${next.turn}`, () => steps.suspend(ref, next.turn, next.toolCallIds));
  }
}

/** All calls of a turn side by side, begun in one go in the order of the calls; the turn waits for every one. */
async function callTools(
  steps: ExecutionSteps,
  runStep: RunStep,
  ref: SegmentRef,
  turn: number,
  toolCallIds: string[],
): Promise<Next> {
  const calls = toolCallIds.map((id) => runStep(`tool ${id}`, () => steps.callTool(ref, id)));
  const results = await Promise.allSettled(calls);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  const states = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const ends = states.filter((state): state is Next => state.do !== 'go-on' && state.do !== 'wait');
  const end = ends.find(({ do: what }) => what === 'stop') ?? ends[0];
  if (end !== undefined) return end;
  if (states.some(({ do: what }) => what === 'wait')) return { do: 'suspend', turn, toolCallIds };
  return { do: 'model-turn', turn: turn + 1 };
}
