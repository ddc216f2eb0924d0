import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from '../problems/problem.ts';

/** From which pages, and under which names, a server may be asked. */
export interface OriginGuard {
  /**
   * @returns the origin, if it is one that was allowed by name
   * @throws Problem origin-not-allowed
   */
  check(headers: IncomingHttpHeaders): string | undefined;
}

const HOST = /^(?<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?<port>\d{1,5}))?$/;

/**
 * Without authentication any web page could drive a local server: directly, or by letting its own name lead to
 * 127.0.0.1. So the `Host` must be a loopback name, and a page's `Origin` the server's own, or allowed by name.
 * With it, a page has nothing to show that its user did not give it: it may ask, and only those that were allowed by
 * name may read the answer.
 * @param isOpen nobody is asked who they are
 */
export function originGuard(allowedOrigins: readonly string[], isOpen: boolean): OriginGuard {
  const origins = new Set(allowedOrigins.map((origin) => new URL(origin).origin));
  const hosts = new Set(allowedOrigins.map((origin) => new URL(origin).host));
  return {
    check({ host = '', origin }) {
      const name = host.toLowerCase();
      if (!isOpen) return origin !== undefined && origins.has(origin) ? origin : undefined;
      if (!isLoopback(name) && !hosts.has(name)) {
        throw refused(`Host ${host} is not a loopback name and is not in OUTLAST_ALLOWED_ORIGINS`);
      }
      if (origin === undefined) return undefined;
      if (origins.has(origin)) return origin;
      if (isOwn(origin, name)) return undefined;
      throw refused(`Origin ${origin} is not this server's own and is not in OUTLAST_ALLOWED_ORIGINS`);
    },
  };
}

function refused(detail: string): Problem {
  return new Problem('origin-not-allowed', detail);
}

function isLoopback(host: string): boolean {
  const name = HOST.exec(host)?.groups?.name;
  if (name === undefined) return false;
  return name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || isLoopbackIPv4(name);
}

function isLoopbackIPv4(name: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(name) && name.split('.').every((part) => Number(part) <= 255);
}

/** `Origin` leaves the default port out, `Host` may have it. */
function isOwn(origin: string, host: string): boolean {
  return origin.toLowerCase() === `http://${host.replace(/:80$/, '')}`;
}
