const SCRIPTS: { label: string; script: string }[] = [
  { label: 'Count slowly', script: 'think I count, one word after the other.\nstream 120 60' },
  {
    label: 'Refund an order',
    script:
      'say I look the order up first.\ncall lookup_order {"orderId": "A1"}\n---\ncall refund_order {"orderId": "A1", "amount": 49.9}',
  },
  { label: 'Ask me something', script: 'call ask_person {"question": "Which colour shall it be?"}' },
  { label: 'Break once', script: 'say The model breaks off in mid-sentence, once.\nfail cut 1' },
];

/** Scripts to try with the demo model. */
export function Suggestions({ send }: { send(text: string): void }) {
  return (
    <section className="suggestions" aria-label="Things to try">
      {SCRIPTS.map(({ label, script }) => (
        <button key={label} type="button" onClick={() => send(script)}>
          {label}
        </button>
      ))}
    </section>
  );
}
