import { messageOf } from './message-of.ts';

/** @returns undefined for 404 @throws Error with what the server says */
export async function getJson<T>(path: string): Promise<T | undefined> {
  const response = await fetch(path);
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(messageOf(await response.text()));
  return (await response.json()) as T;
}
