/** What the model thought: open while it thinks, then a line that opens. */
export function Reasoning({ text, isOpen }: { text: string; isOpen: boolean }) {
  return (
    <details className="reasoning" open={isOpen}>
      <summary>Reasoning</summary>
      <p>{text}</p>
    </details>
  );
}
