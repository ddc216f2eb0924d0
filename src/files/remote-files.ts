/** Files of one message that are fetched from elsewhere. */
export const MOST_REMOTE_FILES = 10;

/** A part of a message whose file is fetched from elsewhere. */
export interface RemoteFile {
  /** Of the part, in the message. */
  index: number;
  /** Without its fragment, which is never sent. */
  url: URL;
  /** What the client says it is: `image/png`, or `image/*`. */
  mediaType: string;
}

/** The parts of a user's message whose files have to be fetched. */
export function remoteFilesOf(parts: readonly unknown[]): RemoteFile[] {
  return parts.flatMap((part, index) => {
    const { type, url, mediaType } = part as Record<string, unknown>;
    const remote = type === 'file' ? toRemoteUrl(String(url)) : undefined;
    return remote === undefined ? [] : [{ index, url: remote, mediaType: String(mediaType) }];
  });
}

/** The address of a file that is fetched, as its content is found by; undefined for any other URL. */
export function toRemoteUrl(text: string): URL | undefined {
  if (!/^https:/i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  url.hash = '';
  return url;
}
