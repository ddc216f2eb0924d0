/** What a person can read of an error: of a problem of the server (RFC 9457) its detail, else the text itself. */
export function messageOf(text: string): string {
  try {
    const { detail, title } = JSON.parse(text) as { detail?: string; title?: string };
    return detail ?? title ?? text;
  } catch {
    return text === '' ? 'The server cannot be reached.' : text;
  }
}
