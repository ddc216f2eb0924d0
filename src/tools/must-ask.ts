import type { AnyTool, ToolContext } from '../agents/define-tool.ts';
import { untilAborted } from '../until-aborted.ts';

/**
 * What a person has to be asked before a call is made: undefined when it may be made at once, and when its input does
 * not fit, so that it is not made at all.
 * @param signal ends a rule that takes too long. @throws its reason
 */
export async function mustAsk(
  tool: AnyTool,
  input: unknown,
  context: ToolContext,
  signal: AbortSignal,
): Promise<'approval' | 'question' | undefined> {
  const parsed = await tool.inputSchema.safeParseAsync(input);
  if (!parsed.success) return undefined;
  if (tool.kind === 'question') return 'question';
  const { needsApproval } = tool;
  if (typeof needsApproval === 'boolean') return needsApproval ? 'approval' : undefined;
  const asks = await untilAborted(signal, () =>
    askRule(() => needsApproval(parsed.data, { ...context, signal })),
  );
  return asks ? 'approval' : undefined;
}

/** A rule that fails has not said that nobody needs to be asked. */
async function askRule(rule: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await rule();
  } catch {
    return true;
  }
}
