/** A request before it is sent: texts may hold references to things that only the server knows. */
export interface FuzzRequest {
  /** The route that it was made for. */
  operation: string;
  /** Nothing but values was changed, so that the answer has to be one that the document names. */
  keepsForm: boolean;
  caller: string;
  method: string;
  /** Path and query, as on the wire. */
  target: string;
  headers: readonly (readonly [string, string])[];
  body: string | undefined;
}

/** Percent-encoded, but for references, which are put in when it is sent. */
export function encode(text: string): string {
  return text
    .toWellFormed()
    .split(/(⟦[\w:-]+⟧)/)
    .map((part, i) => (i % 2 === 1 ? part : encodeURIComponent(part)))
    .join('');
}
