import { OutboundError } from '../outbound/outbound-error.ts';
import type { OutboundResponse, SendOutbound } from '../outbound/request.ts';
import { FileFault, FileTooLarge } from './file-fault.ts';
import { essenceOf } from './media-type.ts';
import { toRemoteUrl } from './remote-files.ts';

const MOST_REDIRECTS = 3;
const REDIRECTS = [301, 302, 303, 307, 308];

/** What an address answered with. */
export interface FetchedFile {
  /** As the server says, without parameters. */
  mediaType: string;
  content: Buffer;
}

export interface FetchOptions {
  /** What it should be, for a server that has it in several types. */
  accept: string;
  maxBytes: number;
  /** By the clock of `performance`: milliseconds. */
  until: number;
}

/** Fetches a file. Each address on the way is https and checked by itself. @throws FileFault */
export async function fetchFile(
  send: SendOutbound,
  start: URL,
  { accept, maxBytes, until }: FetchOptions,
): Promise<FetchedFile> {
  let url = start;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
    const timeoutMs = Math.ceil(until - performance.now());
    if (timeoutMs <= 0) throw new FileFault('did not come in time');
    // Its bytes are what is kept: a packed answer would have to be unpacked, within a limit of its own.
    const headers = { accept, 'accept-encoding': 'identity', 'user-agent': 'outlast' };
    const response = await send({ method: 'GET', url, headers, timeoutMs, maxBytes }).catch(unreachable);
    if (!REDIRECTS.includes(response.status)) return readFile(response, maxBytes);
    url = redirectOf(response, url);
  }
  throw new FileFault('is redirected too often');
}

function unreachable(error: unknown): never {
  if (!(error instanceof OutboundError)) throw error;
  throw new FileFault('could not be fetched', { cause: error });
}

function redirectOf({ headers: { location = '' } }: OutboundResponse, from: URL): URL {
  const next = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const url = next && next.username === '' && next.password === '' ? toRemoteUrl(next.href) : undefined;
  if (url === undefined) throw new FileFault('is redirected to what is no https address');
  return url;
}

function readFile({ status, headers, body, isWhole }: OutboundResponse, maxBytes: number): FetchedFile {
  if (status !== 200) throw new FileFault(`was answered with the status ${status}`);
  if (!isWhole && body.length >= maxBytes) throw new FileTooLarge(`is larger than ${maxBytes} bytes`);
  if (!isWhole) throw new FileFault('did not come whole');
  if (body.length === 0) throw new FileFault('is empty');
  const { 'content-encoding': encoding = 'identity', 'content-type': mediaType = '' } = headers;
  if (encoding !== 'identity') throw new FileFault('came packed');
  return { mediaType: essenceOf(mediaType), content: body };
}
