/** What a `data:` URL holds (RFC 2397). What is not in order in it is left out, as browsers do. */
export function readDataUrl(url: string): { mediaType: string | undefined; content: Buffer } {
  const comma = url.indexOf(',');
  const [mediaType = '', ...parameters] = url.slice('data:'.length, comma).split(';');
  const isBase64 = parameters.at(-1)?.trim().toLowerCase() === 'base64';
  const bytes = decodePercents(url.slice(comma + 1));
  return {
    mediaType: mediaType.trim() === '' ? undefined : mediaType.trim().toLowerCase(),
    content: isBase64 ? Buffer.from(bytes.toString('latin1'), 'base64') : bytes,
  };
}

function decodePercents(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (!bytes.includes('%')) return bytes;
  const decoded = bytes
    .toString('latin1')
    .replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(decoded, 'latin1');
}
