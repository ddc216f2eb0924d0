import type { IncomingMessage, ServerResponse } from 'node:http';

/** Who was answered before all of a body was there may send on for so long. */
const LINGER_MS = 5000;

/**
 * Sends the whole body of an answer, whose length its headers say. To somebody who is still sending, it is ended only
 * once they are done, for a connection that is closed under them fails before they read what they were answered.
 */
export function endAnswer(res: ServerResponse, body: string | Buffer): void {
  const { req } = res;
  if (req.complete || !hasBody(req)) {
    // To a HEAD, Node sends the headers only.
    res.end(body);
    return;
  }
  res.write(body);
  const end = () => {
    clearTimeout(patience);
    res.end();
  };
  const patience = setTimeout(end, LINGER_MS).unref();
  req.once('close', end).once('end', end).resume();
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
