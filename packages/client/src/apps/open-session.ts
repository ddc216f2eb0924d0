import { createOutlastClient } from '../client.ts';
import type { ConnectionOptions } from '../http/connection.ts';
import { solveChallenge } from './solve-challenge.ts';

export interface SessionOptions extends Pick<ConnectionOptions, 'baseUrl' | 'fetch'> {
  /** The app of this page, as `outlast apps create` has named it. */
  appId: string;
  signal?: AbortSignal;
}

/** What a visitor of a page shows as `Authorization: Bearer`, and until when. */
export interface Session {
  token: string;
  expiresAt: string;
}

/**
 * Lets a visitor of a public page have threads of their own: does the work that the server asks for, which takes from
 * half a second to some seconds, and gets a token for it.
 * @throws OutlastProblem
 */
export async function openSession({ appId, signal, ...connection }: SessionOptions): Promise<Session> {
  const { apps } = createOutlastClient(connection);
  const options = signal === undefined ? {} : { signal };
  const challenge = await apps.challenge(appId, options);
  const solution = await solveChallenge(challenge, signal);
  return apps.openSession(appId, { solution: { challenge, solution } }, options);
}
