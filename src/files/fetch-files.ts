import type { Logger } from 'pino';
import type { SendOutbound } from '../outbound/request.ts';
import { Problem } from '../problems/problem.ts';
import { type FetchedFile, fetchFile } from './fetch-file.ts';
import { FileFault, FileTooLarge } from './file-fault.ts';
import { acceptOf, fitsMediaType } from './media-type.ts';
import { type RemoteFile, remoteFilesOf } from './remote-files.ts';

/** Milliseconds for all files of a message. */
const TIMEOUT_MS = 10_000;

/** The content of a message's remote files, by their addresses without fragment. */
export type FetchedFiles = ReadonlyMap<string, FetchedFile>;

export interface FetchDeps {
  outbound: SendOutbound;
  logger: Logger;
  /** Bytes that a file may have; those of a message together twice as many. */
  fileLimit: number;
  /** Default: 10000. */
  timeoutMs?: number | undefined;
}

/**
 * Fetches what a message's parts point to, one after another: no more is held in memory than a message may have.
 * @param pointer of the parts, in the body that they came in
 * @throws Problem file-unavailable, for the first one that does not come
 */
export async function fetchFiles(
  deps: FetchDeps,
  parts: readonly unknown[],
  pointer: string,
): Promise<FetchedFiles> {
  const until = performance.now() + (deps.timeoutMs ?? TIMEOUT_MS);
  const files = new Map<string, FetchedFile>();
  for (const remote of remoteFilesOf(parts)) {
    try {
      const file = files.get(remote.url.href) ?? (await fetchWithin(deps, files, remote, until));
      refuseMisfit(file, remote);
      files.set(remote.url.href, file);
    } catch (error) {
      throw toProblem(deps, error, `${pointer}/${remote.index}/url`);
    }
  }
  return files;
}

async function fetchWithin(
  { outbound, fileLimit }: FetchDeps,
  files: FetchedFiles,
  { url, mediaType }: RemoteFile,
  until: number,
): Promise<FetchedFile> {
  const total = 2 * fileLimit;
  const left = [...files.values()].reduce((bytes, { content }) => bytes - content.length, total);
  const accept = acceptOf(mediaType);
  if (left >= fileLimit) return fetchFile(outbound, url, { accept, maxBytes: fileLimit, until });
  return fetchFile(outbound, url, { accept, maxBytes: left, until }).catch((error: unknown) => {
    throw error instanceof FileTooLarge
      ? new FileFault(`makes the files of the message larger than ${total} bytes`)
      : error;
  });
}

function refuseMisfit({ mediaType }: FetchedFile, promised: RemoteFile): void {
  if (fitsMediaType(mediaType, promised.mediaType)) return;
  throw new FileFault(`is not of the media type ${promised.mediaType}`);
}

/** Why exactly is for whoever runs the server. */
function toProblem({ logger }: FetchDeps, error: unknown, pointer: string): unknown {
  if (!(error instanceof FileFault)) return error;
  const { message, cause } = error;
  logger.info({ why: cause instanceof Error ? cause.message : message }, 'file.unavailable');
  return new Problem('file-unavailable', `${pointer}: ${message}`, { errors: [{ pointer, message }] });
}
