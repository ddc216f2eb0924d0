import { type FormEvent, type KeyboardEvent, useState } from 'react';

interface ComposerProps {
  send(text: string): void;
  /** Undefined when there is nothing to stop. */
  stop: (() => void) | undefined;
  canSend: boolean;
}

/** Where a message is written. Enter sends it, Shift and Enter begin a line. */
export function Composer({ send, stop, canSend }: ComposerProps) {
  const [text, setText] = useState('');
  const submit = () => {
    if (!canSend || text.trim() === '') return;
    send(text);
    setText('');
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    submit();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };
  return (
    <form className="composer" onSubmit={onSubmit}>
      <textarea
        aria-label="Message"
        placeholder="Write a message"
        rows={3}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <div className="buttons">
        {stop && (
          <button type="button" onClick={stop}>
            Stop
          </button>
        )}
        <button type="submit" className="primary" disabled={!canSend || text.trim() === ''}>
          Send
        </button>
      </div>
    </form>
  );
}
