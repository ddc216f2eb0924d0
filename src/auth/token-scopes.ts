import type { Access } from './access.ts';

/** What a token for one thread or execution may be for. */
export const TOKEN_SCOPES = ['read', 'decide', 'cancel', 'write'] as const;

export type TokenScope = (typeof TOKEN_SCOPES)[number];

/** Whoever changes a thing by a token sees it; whoever may write into a thread may end what is being written. */
const HOLDS: Record<TokenScope, readonly TokenScope[]> = {
  read: ['read'],
  decide: ['read', 'decide'],
  cancel: ['read', 'cancel'],
  write: ['read', 'cancel', 'write'],
};

/** What it takes to give such a token away, and all that whoever shows it may do with the thing. */
export const ACCESS_OF: Record<TokenScope, readonly Access[]> = {
  read: ['executions:read'],
  decide: ['executions:read', 'approvals:decide'],
  cancel: ['executions:write'],
  write: ['executions:write'],
};

/** Whether a token for one purpose is good for another. */
export function holds(given: TokenScope, needed: TokenScope): boolean {
  return HOLDS[given].includes(needed);
}
