import type { Connection } from '../http/connection.ts';

/**
 * What the tabs that may share a thread have in common: server, thread, and who is asking, for two people may be signed
 * in to two tabs. Undefined where that cannot be told without giving a secret away.
 */
export async function shareName(connection: Connection, threadId: string): Promise<string | undefined> {
  // A token that cannot be had names nobody: this tab reads for itself, and its own requests tell what is wrong.
  const headers = await connection.headers().catch(() => undefined);
  if (headers === undefined) return undefined;
  const who = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  if (who.length === 0) return `outlast ${connection.baseUrl} ${threadId}`;
  // Only on pages that came over https, and localhost.
  const subtle = (crypto as Partial<typeof crypto>).subtle;
  if (subtle === undefined) return undefined;
  const digest = await subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify(who.sort())));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `outlast ${connection.baseUrl} ${threadId} ${hex}`;
}
