import { messageOf } from '../server/message-of.ts';

interface FailureProps {
  error: Error;
  retry: (() => void) | undefined;
}

/** What went wrong, and a way to try again where there is one. */
export function Failure({ error, retry }: FailureProps) {
  return (
    <div className="failure" role="alert">
      <p>{messageOf(error.message)}</p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}
