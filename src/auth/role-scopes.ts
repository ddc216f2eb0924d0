import { type Access, isAccess } from './access.ts';

/**
 * What roles may do, from `admin=admin,support=approvals:read+executions:read`.
 * @throws Error that names what does not fit
 */
export function parseRoleScopes(text: string): ReadonlyMap<string, readonly Access[]> {
  const entries = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  return new Map(entries.map(parseEntry));
}

function parseEntry(entry: string): [role: string, scopes: readonly Access[]] {
  const at = entry.lastIndexOf('=');
  const scopes = entry.slice(at + 1).split('+');
  if (at < 1) throw new Error(`${entry} is not role=scope+scope`);
  const unknown = scopes.find((scope) => !isAccess(scope));
  if (unknown !== undefined) throw new Error(`there is no scope ${unknown}`);
  return [entry.slice(0, at), scopes.filter(isAccess)];
}
