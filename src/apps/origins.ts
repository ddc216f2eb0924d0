/** An origin as browsers write it; what could be read in two ways is none. Letters of either case. */
const ORIGIN = /^https?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::\d{1,5})?$/i;

/**
 * The one way to write an origin that an app lets in: `https://shop.example`, `http://localhost:5173`, or
 * `https://*.shop.example` for every name below a domain, at any depth, but not the domain itself.
 * @throws Error that says what does not fit
 */
export function parseAllowedOrigin(text: string): string {
  const [, scheme, star = '', rest = ''] = /^(https?:\/\/)(\*\.)?([^\s/?#@%*\\]+)$/i.exec(text) ?? [];
  const origin = scheme === undefined ? undefined : readOrigin(toAscii(`${scheme}${rest}`));
  if (origin === undefined) throw new Error(`${text} is not an origin, such as https://shop.example`);
  if (star === '') return origin;
  if (!isDomain(new URL(origin).hostname)) throw new Error(`${text}: after *. comes a domain`);
  return origin.replace('://', '://*.');
}

/**
 * Whether a page may ask, by the `Origin` that its browser sent; scheme, host and port have to be the same.
 * @param allowed as `parseAllowedOrigin` gives them
 */
export function isAllowedOrigin(allowed: readonly string[], header: string | undefined): boolean {
  const origin = header === undefined ? undefined : readOrigin(header);
  return origin !== undefined && allowed.some((each) => fits(each, origin));
}

/** As `URL` writes it: small letters, no default port. Undefined for what is no origin, or another one to `URL`. */
function readOrigin(text: string): string | undefined {
  if (!ORIGIN.test(text) || !URL.canParse(text)) return undefined;
  const { origin, protocol } = new URL(text);
  const written = text.toLowerCase().replace(protocol === 'https:' ? /:443$/ : /:80$/, '');
  return written === origin ? origin : undefined;
}

/** Names in other scripts, in the letters that browsers send them in. */
function toAscii(text: string): string {
  if (/^[\u0000-\u007f]*$/.test(text) || !URL.canParse(text)) return text;
  return new URL(text).origin;
}

function isDomain(host: string): boolean {
  return /\.[^.]*[a-z][^.]*$/.test(host);
}

function fits(allowed: string, origin: string): boolean {
  const [start = '', end] = allowed.split('*');
  if (end === undefined) return allowed === origin;
  // Only names are left in between: an origin has nothing else there.
  return origin.startsWith(start) && origin.endsWith(end) && origin.length > start.length + end.length;
}
