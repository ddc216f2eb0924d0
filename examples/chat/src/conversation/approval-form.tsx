import { useState } from 'react';

interface ApprovalFormProps {
  approve(): void;
  deny(reason: string): void;
}

/** May this tool run? The reason of a denial reaches the model. */
export function ApprovalForm({ approve, deny }: ApprovalFormProps) {
  const [reason, setReason] = useState('');
  return (
    <div className="decision" role="group" aria-label="Decision">
      <input
        aria-label="Reason to deny"
        placeholder="Reason, if you deny"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <div className="buttons">
        <button type="button" onClick={() => deny(reason)}>
          Deny
        </button>
        <button type="button" className="primary" onClick={approve}>
          Approve
        </button>
      </div>
    </div>
  );
}
