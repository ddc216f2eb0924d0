import type { DynamicToolUIPart, ToolUIPart } from 'ai';

const STATES: Record<ToolUIPart['state'], string> = {
  'input-streaming': 'is being called',
  'input-available': 'runs',
  'approval-requested': 'waits for approval',
  'approval-responded': 'approved',
  'output-available': 'done',
  'output-error': 'failed',
  'output-denied': 'denied',
};

/** The state of a tool call, in a word. */
export function toolState(part: ToolUIPart | DynamicToolUIPart): string {
  if (part.state === 'approval-responded' && !part.approval.approved) return 'denied';
  return STATES[part.state];
}
