import { isIP } from 'node:net';

const NAMES = new Set(['loopback', 'linklocal', 'uniquelocal']);

/**
 * Whom `X-Forwarded-For` is believed, as Express takes it: how many proxies stand before the server, or who they are.
 * @returns undefined for what is neither; false for nobody
 */
export function parseTrustedProxies(text: string): false | number | string[] | undefined {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed === '0') return false;
  if (/^\d{1,2}$/.test(trimmed)) return Number(trimmed);
  const proxies = trimmed.split(',').map((item) => item.trim());
  return proxies.every(isProxy) ? proxies : undefined;
}

function isProxy(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0) return NAMES.has(text);
  const most = family === 4 ? 32 : 128;
  return rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
}
