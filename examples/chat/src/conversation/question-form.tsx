import { type FormEvent, useState } from 'react';

interface QuestionFormProps {
  question: string;
  /** Undefined when it cannot be answered, or not yet. */
  answer: ((text: string) => void) | undefined;
}

/** A question of the agent. The answer is the output of its tool call. */
export function QuestionForm({ question, answer }: QuestionFormProps) {
  const [text, setText] = useState('');
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    answer?.(text);
  };
  return (
    <form className="decision" onSubmit={onSubmit}>
      <p className="text">{question}</p>
      {answer && (
        <>
          <input aria-label="Answer" value={text} onChange={(event) => setText(event.target.value)} />
          <div className="buttons">
            <button type="submit" className="primary" disabled={text.trim() === ''}>
              Answer
            </button>
          </div>
        </>
      )}
    </form>
  );
}
