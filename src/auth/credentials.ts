import type { IncomingHttpHeaders } from 'node:http';

/** What a request shows: `Authorization: Bearer` is looked at first. */
export function credentialOf({
  authorization,
  'x-api-key': apiKey,
}: IncomingHttpHeaders): { key: string } | { token: string } | undefined {
  if (authorization !== undefined) {
    const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization)?.[1] ?? '';
    return bearer.startsWith('ok_') ? { key: bearer } : { token: bearer };
  }
  return typeof apiKey === 'string' ? { key: apiKey } : undefined;
}
