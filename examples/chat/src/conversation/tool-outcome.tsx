import type { DynamicToolUIPart, ToolUIPart } from 'ai';

/** What came of a tool call: its output, why it failed, or why it was denied. */
export function ToolOutcome({ part }: { part: ToolUIPart | DynamicToolUIPart }) {
  if (part.state === 'output-available') {
    return <pre className="output">{JSON.stringify(part.output, null, 2)}</pre>;
  }
  if (part.state === 'output-error') return <p className="error">{part.errorText}</p>;
  const isDenied = 'approval' in part && part.approval?.approved === false;
  if (isDenied && part.approval?.reason) return <p className="error">Reason: {part.approval.reason}</p>;
  return null;
}
