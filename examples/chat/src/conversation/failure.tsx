import { messageOf } from '../server/message-of.ts';

/** What went wrong, and a way to try again. */
export function Failure({ error, retry }: { error: Error; retry(): void }) {
  return (
    <div className="failure" role="alert">
      <p>{messageOf(error.message)}</p>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}
