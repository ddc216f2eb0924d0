/** What may be allowed. `executions:*` covers threads and chats; `automations:*` all that is done with automations. */
export const ACCESS = [
  'executions:read',
  'executions:write',
  'approvals:read',
  'approvals:decide',
  'automations:*',
  'metrics:read',
  'admin',
] as const;

export type Access = (typeof ACCESS)[number];

/** The answer to whoever changes a thing shows it, so that changing it without seeing it would be no limit at all. */
const IMPLIED: Partial<Record<Access, readonly Access[]>> = {
  'executions:write': ['executions:read'],
  'approvals:decide': ['approvals:read'],
  admin: ACCESS,
};

/** All that somebody may do who was given these. */
export function everyAccess(given: readonly Access[]): ReadonlySet<Access> {
  return new Set(given.flatMap((access) => [access, ...(IMPLIED[access] ?? [])]));
}

export function isAccess(text: string): text is Access {
  return (ACCESS as readonly string[]).includes(text);
}
