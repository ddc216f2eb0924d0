import type { IncomingHttpHeaders } from 'node:http';
import { isOfKind } from './access-token.ts';

/** What a request shows, by what it has to be looked up as. */
export type Credential = { key: string } | { jwt: string } | { accessToken: string };

/**
 * What a request shows: `Authorization: Bearer` is looked at first. In a URL only a token of a short life may stand,
 * for URLs get into logs and histories.
 * @param inUrl the `token` of its query
 */
export function credentialOf(
  { authorization, 'x-api-key': apiKey }: IncomingHttpHeaders,
  inUrl: string | undefined,
): Credential | undefined {
  if (authorization !== undefined) {
    return ofBearer(/^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization)?.[1] ?? '');
  }
  if (typeof apiKey === 'string') return { key: apiKey };
  if (inUrl === undefined) return undefined;
  return { accessToken: isOfKind(inUrl, 'session') ? '' : inUrl };
}

function ofBearer(bearer: string): Credential {
  if (bearer.startsWith('ok_')) return { key: bearer };
  const isAccessToken = isOfKind(bearer, 'stream') || isOfKind(bearer, 'session');
  return isAccessToken ? { accessToken: bearer } : { jwt: bearer };
}
