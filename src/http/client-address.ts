import { isIP, isIPv6 } from 'node:net';
import type { Request } from 'express';

/** Groups of an IPv6 address that a customer of a provider has to himself: he may have 2^64 addresses. */
const OWN_GROUPS = 4;

/**
 * Whom requests of nobody in particular are counted for: an IPv4 address, or the /64 of an IPv6 one. Behind proxies that
 * are trusted it is the one that they name.
 */
export function clientAddress(req: Request): string {
  const named = withoutPort(req.ip ?? '');
  const address = isIP(named) === 0 ? (req.socket.remoteAddress ?? '') : named;
  return isIPv6(address) ? networkOf(address) : address;
}

/** Some proxies name the port, too. */
function withoutPort(address: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address;
}

function networkOf(address: string): string {
  const [bare = ''] = address.split('%');
  // The URL parser writes each address in one way only.
  const groups = new URL(`http://[${bare}]`).hostname.slice(1, -1).split('::');
  const head = groups[0] === '' ? [] : (groups[0] ?? '').split(':');
  const tail = groups[1] === undefined || groups[1] === '' ? [] : groups[1].split(':');
  const all = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  const isIPv4 = all.slice(0, 5).every((group) => group === '0') && all[5] === 'ffff';
  if (!isIPv4) return `${all.slice(0, OWN_GROUPS).join(':')}::/64`;
  return all
    .slice(6)
    .flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255])
    .join('.');
}
