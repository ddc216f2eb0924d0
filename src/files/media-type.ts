/** A media type without its parameters, in small letters. */
export function essenceOf(mediaType: string): string {
  return (mediaType.split(';')[0] ?? '').trim().toLowerCase();
}

/** The kind that `image/*`, or `image` alone, is any of; undefined for a whole media type. */
function kindOf(promised: string): string | undefined {
  return /^([^/]+)(?:\/\*)?$/.exec(essenceOf(promised))?.[1];
}

/** True if a file of type `actual` is what was promised: the same type, or any of `image/*`. */
export function fitsMediaType(actual: string, promised: string): boolean {
  const kind = kindOf(promised);
  return kind === undefined
    ? essenceOf(actual) === essenceOf(promised)
    : essenceOf(actual).startsWith(`${kind}/`);
}

const MEDIA_TYPE = /^[\w!#$&^.+-]+\/(?:[\w!#$&^.+-]+|\*)$/;

/** What a server is asked for when this was promised; anything, if that is no media type and may not be a header. */
export function acceptOf(promised: string): string {
  const kind = kindOf(promised);
  const accept = kind === undefined ? essenceOf(promised) : `${kind}/*`;
  return MEDIA_TYPE.test(accept) ? accept : '*/*';
}
