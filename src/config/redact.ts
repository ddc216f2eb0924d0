/** Takes out of a text what must be read nowhere. */
export type Redact = (text: string) => string;

/** A shorter one would be found where it is not meant. */
const SHORTEST = 8;

const HIDDEN = '[redacted]';

/**
 * What looks like a secret, whosever it is. None takes a quote or a backslash, so that JSON stays JSON, and none can be
 * tried in more than one way, so that a long text costs no more than its length.
 */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // Outlast's own: the prefix of a key may be shown.
  [/\b(ok_live_[0-9a-f]{12}_)[\w-]{20,}/g, `$1${HIDDEN}`],
  [/\b(o[st]_)[\w-]{30,}/g, `$1${HIDDEN}`],
  [/\bwhsec_[\w+/=-]{16,}/g, HIDDEN],
  // JWTs, and the keys of model providers.
  [/\beyJ[\w-]{10,}\.[\w-]{4,}\.[\w-]*/g, HIDDEN],
  [/\bsk-[\w-]{12,}/g, HIDDEN],
  [/\b(Bearer|Basic) +[\w.~+/=-]{8,}/gi, `$1 ${HIDDEN}`],
  // As headers, and as the fields of an object that has headers.
  [
    /\b((?:set-)?cookie|authorization|x-api-key)(\s*[:=]\s*(?:\\?["'])?)(?![\s[]|Bearer|Basic)[^"'\\\r\n]+/gi,
    `$1$2${HIDDEN}`,
  ],
  [
    /\b((?:set-)?cookie|authorization|x-api-key)(\\?["']\s*:\s*\\?["'])(?!\[|Bearer|Basic)[^"'\\]+/gi,
    `$1$2${HIDDEN}`,
  ],
  // In URLs.
  [/(:\/\/[^\s:@/"'\\]{0,256}:)[^\s@/"'\\]{1,256}@/g, `$1${HIDDEN}@`],
  [/([?&](?:access_|api_|auth_)?(?:token|key|secret|password|signature|sig)=)[^&\s#"'\\]+/gi, `$1${HIDDEN}`],
];

/** Takes out what looks like a secret, and these secrets however they are written. */
export function redactor(secrets: readonly string[]): Redact {
  const known = [...new Set(secrets.filter(({ length }) => length >= SHORTEST).flatMap(writings))]
    // The longest first: one may begin like another.
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const patterns =
    known.length === 0 ? PATTERNS : [[new RegExp(known.join('|'), 'g'), HIDDEN] as const, ...PATTERNS];
  return (text) => patterns.reduce((left, [pattern, instead]) => left.replace(pattern, instead), text);
}

/** As it is, in JSON, in JSON within JSON, in a URL, and in base64 as far as that does not depend on what is before it. */
function writings(secret: string): string[] {
  const inJson = JSON.stringify(secret).slice(1, -1);
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -1);
  return [secret, inJson, JSON.stringify(inJson).slice(1, -1), encodeURIComponent(secret), base64];
}
