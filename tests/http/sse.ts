/** One event of a stream, as it came. */
export interface StreamEvent {
  id: string | undefined;
  data: string;
}

/** The events of a whole SSE body, comments and `retry` left out. */
export function parseEvents(text: string): StreamEvent[] {
  return text
    .split('\n\n')
    .map((block) => ({ id: field(block, 'id'), data: field(block, 'data') }))
    .filter((event): event is StreamEvent => event.data !== undefined);
}

function field(block: string, name: string): string | undefined {
  const line = block.split('\n').find((each) => each.startsWith(`${name}: `));
  return line?.slice(name.length + 2);
}

/** Reads a stream until `enough` of its text so far, then leaves as a client that closes its tab. */
export async function readUntil(
  url: string,
  headers: Record<string, string>,
  enough: (text: string) => boolean,
): Promise<string> {
  const controller = new AbortController();
  const response = await fetch(url, { headers, signal: controller.signal });
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of response.body ?? []) {
    text += decoder.decode(part as Uint8Array, { stream: true });
    if (enough(text)) break;
  }
  controller.abort();
  return text;
}
