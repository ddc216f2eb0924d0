/** One server-sent event; `id` is the seq of the row, and absent on what is no row. */
export interface SseEvent {
  readonly id: number | undefined;
  readonly data: string;
}

/**
 * Reads the events of an answer as they come.
 * @throws when the connection is cut: a stream without `[DONE]` is not over.
 */
export async function* readEvents(response: Response): AsyncGenerator<SseEvent, void, void> {
  if (response.body === null) throw new Error('The answer has no body');
  let rest = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event !== undefined) yield event;
    }
  }
}

function parseEvent(block: string): SseEvent | undefined {
  let id: number | undefined;
  let data: string | undefined;
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) id = Number(line.slice(4));
    else if (line.startsWith('data: ')) data = line.slice(6);
  }
  return data === undefined ? undefined : { id, data };
}
