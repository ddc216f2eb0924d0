import { useState } from 'react';

interface EditFormProps {
  text: string;
  save(text: string): void;
  cancel(): void;
}

/** Changes a message. What came after it leaves the history. */
export function EditForm({ text, save, cancel }: EditFormProps) {
  const [edited, setEdited] = useState(text);
  return (
    <form
      className="edit"
      onSubmit={(event) => {
        event.preventDefault();
        save(edited);
      }}
    >
      <textarea
        aria-label="Edited message"
        rows={4}
        value={edited}
        autoFocus
        onChange={(event) => setEdited(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && cancel()}
      />
      <div className="buttons">
        <button type="button" onClick={cancel}>
          Cancel
        </button>
        <button type="submit" className="primary" disabled={edited.trim() === ''}>
          Save and ask again
        </button>
      </div>
    </form>
  );
}
