import type { ModelMessage, UserModelMessage } from 'ai';
import { readDataUrl } from '../files/data-url.ts';
import type { FetchedFiles } from '../files/fetch-files.ts';
import { toRemoteUrl } from '../files/remote-files.ts';

type UserPart = Exclude<UserModelMessage['content'], string>[number];
type FilePart = Extract<UserPart, { type: 'file' }>;

/**
 * Puts the content of its files into a message of a user, in the place of their URLs: what a model is given is what
 * was there when the message was accepted, and nobody goes to an address of somebody's choice. The SDK would do so,
 * and takes what is in a `data:` URL for base64 even if it is not.
 */
export function inlineFiles(message: ModelMessage, files: FetchedFiles): ModelMessage {
  if (message.role !== 'user' || typeof message.content === 'string') return message;
  return { ...message, content: message.content.map((part) => inlineFile(part, files)) };
}

function inlineFile(part: UserPart, files: FetchedFiles): UserPart {
  if (part.type !== 'file') return part;
  const file = contentOf(urlOf(part), files);
  if (file === undefined) return gone(part);
  const { mediaType = part.mediaType, content } = file;
  return { ...part, mediaType, data: { type: 'data', data: content } };
}

function urlOf({ data }: FilePart): string {
  const isUrl = typeof data === 'object' && 'type' in data && data.type === 'url';
  return isUrl ? data.url.href : '';
}

function contentOf(
  url: string,
  files: FetchedFiles,
): { mediaType?: string | undefined; content: Buffer } | undefined {
  if (url.startsWith('data:')) return readDataUrl(url);
  return files.get(toRemoteUrl(url)?.href ?? '');
}

/** Such as of a message that was edited since, in a fork of what answered it. */
function gone({ filename, providerOptions }: FilePart): UserPart {
  const name = filename === undefined ? 'A file' : `The file ${JSON.stringify(filename)}`;
  return {
    type: 'text',
    text: `(${name} was attached here; it is not available any more.)`,
    ...(providerOptions === undefined ? {} : { providerOptions }),
  };
}
