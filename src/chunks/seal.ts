import type { Chunk } from './chunk.ts';

type Deltas = 'text' | 'reasoning';

type ToolMetadata = Extract<Chunk, { type: 'tool-output-error' }>['toolMetadata'];

interface OpenCall {
  toolName: string;
  dynamic: boolean | undefined;
  toolMetadata: ToolMetadata;
  /** The step that it was made in; 0 before the first. */
  step: number;
  /** Whether its input is complete: only then it can have an output. */
  asked: boolean;
  /** Its approval, while that is anything but granted: such a call can only be denied. */
  approval?: { id: string; denied: boolean } | undefined;
}

/** What is still open at some point of a log. */
interface OpenParts {
  step: number;
  stepOpen: boolean;
  /** Whether the step has a tool call, settled or not. */
  stepCalls: boolean;
  deltas: Map<string, Deltas>;
  calls: Map<string, OpenCall>;
}

/** Why open parts are closed. */
export interface SealReason {
  /** What an unfinished tool call has for its error. */
  text: string;
  /** Put beside that error, for programs. */
  mark?: Record<string, string | boolean>;
}

/**
 * The rows that close every open part of a log, so that its fold is a message without an unfinished part: a
 * stock client would otherwise wait for ever or ask again and again. They come before the final row.
 */
export function sealingChunks(chunks: readonly Chunk[], reason: SealReason): Chunk[] {
  const open = openParts(chunks);
  const sealing: Chunk[] = [];
  for (const [id, kind] of open.deltas) sealing.push({ type: `${kind}-end`, id });
  for (const [toolCallId, call] of open.calls) sealing.push(...sealCall(toolCallId, call, open.step, reason));
  if (open.stepOpen) sealing.push({ type: 'finish-step' });
  return sealing;
}

/**
 * What comes before an `abort`, which stock clients take for a success: the message says of itself what the thread's
 * list says of it. If all calls of the last step are settled, a client that sends by itself takes it that the model
 * has yet to be told, and asks for an answer again and again; an empty step after them ends that. Clients see a step
 * only with something that comes after its start, for which the metadata does.
 */
export function partingChunks(chunks: readonly Chunk[]): Chunk[] {
  const status: Chunk = { type: 'message-metadata', messageMetadata: { status: 'partial' } };
  return openParts(chunks).stepCalls ? [{ type: 'start-step' }, status, { type: 'finish-step' }] : [status];
}

function sealCall(toolCallId: string, call: OpenCall, step: number, { text, mark }: SealReason): Chunk[] {
  if (call.approval !== undefined) return deny(toolCallId, call.approval, text);
  const error = {
    toolCallId,
    errorText: text,
    ...(call.dynamic === undefined ? {} : { dynamic: call.dynamic }),
    ...(mark === undefined ? {} : { toolMetadata: { ...call.toolMetadata, ...mark } }),
  };
  // An input error would begin a second part for a call of an earlier step.
  if (call.asked || call.step < step) return [{ type: 'tool-output-error', ...error }];
  return [{ type: 'tool-input-error', toolName: call.toolName, input: {}, ...error }];
}

/** An error is no valid end for a call whose approval is not granted. */
function deny(toolCallId: string, approval: { id: string; denied: boolean }, reason: string): Chunk[] {
  const denied: Chunk = { type: 'tool-output-denied', toolCallId };
  if (approval.denied) return [denied];
  return [{ type: 'tool-approval-response', approvalId: approval.id, approved: false, reason }, denied];
}

function openParts(chunks: readonly Chunk[]): OpenParts {
  const open: OpenParts = {
    step: 0,
    stepOpen: false,
    stepCalls: false,
    deltas: new Map(),
    calls: new Map(),
  };
  for (const chunk of chunks) {
    if (chunk.type === 'start-step') {
      open.step += 1;
      open.stepOpen = true;
      open.stepCalls = false;
    } else if (chunk.type === 'reset-step') {
      open.stepCalls = false;
      open.deltas.clear();
      for (const [id, call] of open.calls) if (call.step === open.step) open.calls.delete(id);
    } else if (chunk.type === 'finish-step') {
      open.stepOpen = false;
    } else {
      trackDeltas(open.deltas, chunk);
      trackCalls(open, chunk);
    }
  }
  return open;
}

function trackDeltas(deltas: OpenParts['deltas'], chunk: Chunk): void {
  if (chunk.type === 'text-start') deltas.set(chunk.id, 'text');
  else if (chunk.type === 'reasoning-start') deltas.set(chunk.id, 'reasoning');
  else if (chunk.type === 'text-end' || chunk.type === 'reasoning-end') deltas.delete(chunk.id);
}

function trackCalls(open: OpenParts, chunk: Chunk): void {
  const { calls, step } = open;
  if (chunk.type.startsWith('tool-input-')) open.stepCalls = true;
  switch (chunk.type) {
    case 'tool-input-start':
    case 'tool-input-available':
      calls.set(chunk.toolCallId, {
        step,
        ...calls.get(chunk.toolCallId),
        toolName: chunk.toolName,
        dynamic: chunk.dynamic,
        toolMetadata: chunk.toolMetadata ?? calls.get(chunk.toolCallId)?.toolMetadata,
        asked: chunk.type === 'tool-input-available',
      });
      break;
    case 'tool-approval-request':
      setApproval(calls, chunk.toolCallId, { id: chunk.approvalId, denied: false });
      break;
    case 'tool-approval-response':
      for (const [id, call] of calls) {
        if (call.approval?.id !== chunk.approvalId) continue;
        setApproval(calls, id, chunk.approved ? undefined : { id: chunk.approvalId, denied: true });
      }
      break;
    case 'tool-output-available':
      if (chunk.preliminary !== true) calls.delete(chunk.toolCallId);
      break;
    case 'tool-input-error':
    case 'tool-output-error':
    case 'tool-output-denied':
      calls.delete(chunk.toolCallId);
      break;
    default:
  }
}

function setApproval(calls: OpenParts['calls'], toolCallId: string, approval: OpenCall['approval']): void {
  const call = calls.get(toolCallId);
  if (call !== undefined) calls.set(toolCallId, { ...call, approval });
}
