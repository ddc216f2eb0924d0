import { type DynamicToolUIPart, getToolName, type ToolUIPart } from 'ai';
import { ApprovalForm } from './approval-form.tsx';
import type { ConversationActions } from './conversation-actions.ts';
import { QuestionForm } from './question-form.tsx';
import { ToolOutcome } from './tool-outcome.tsx';
import { toolState } from './tool-state.ts';

interface ToolCallProps {
  part: ToolUIPart | DynamicToolUIPart;
  actions: ConversationActions;
  canDecide: boolean;
}

/** The tool whose output a person gives. To the stream it is a tool that has no output yet. */
const QUESTION_TOOL = 'ask_person';

/** A tool call: what was asked for, what came of it, and what a person has to say to it. */
export function ToolCall({ part, actions, canDecide }: ToolCallProps) {
  const name = getToolName(part);
  const isQuestion = name === QUESTION_TOOL && part.state === 'input-available';
  return (
    <section className="tool" aria-label={`Tool call ${name}`} data-state={part.state}>
      <header>
        <code>{name}</code>
        <span className="badge">{isQuestion ? 'waits for an answer' : toolState(part)}</span>
      </header>
      {!isQuestion && part.input !== undefined && <pre>{JSON.stringify(part.input, null, 2)}</pre>}
      <ToolOutcome part={part} />
      {part.state === 'approval-requested' && canDecide && (
        <ApprovalForm
          approve={() => actions.approve(part.approval.id)}
          deny={(reason) => actions.deny(part.approval.id, reason)}
        />
      )}
      {isQuestion && (
        <QuestionForm
          question={(part.input as { question: string }).question}
          answer={canDecide ? (text) => actions.answer(part.toolCallId, text) : undefined}
        />
      )}
    </section>
  );
}
