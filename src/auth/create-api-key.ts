import { sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { COMMAND } from '../audit/actor.ts';
import { auditing } from '../audit/record-audit.ts';
import type { Executor } from '../db/database.ts';
import { apiKeys } from '../db/schema.ts';
import type { Access } from './access.ts';
import { makeSecret } from './api-key.ts';

export interface NewApiKey {
  name: string;
  scopes: readonly Access[];
  tenantId: string;
  /** Null: it sees the whole tenant. */
  ownerId: string | null;
  /** Null: it never expires. */
  expiresAt: Date | null;
}

/** Makes a key at the command line. @returns the key itself, which cannot be had again */
export async function createApiKey(db: Executor, request: NewApiKey): Promise<{ id: string; key: string }> {
  const { key, prefix, hash } = makeSecret();
  const id = uuidv7();
  const { scopes, ...fields } = request;
  const { name, tenantId, ownerId, expiresAt } = request;
  await auditing(db, COMMAND, {
    action: 'key.created',
    tenantId,
    ownerId,
    subjectId: id,
    details: { name, prefix, scopes, expiresAt: expiresAt?.toISOString() ?? null },
  })
    .insert(apiKeys)
    .values({ id, ...fields, scopes: [...scopes], prefix, hash, createdAt: sql`clock_timestamp()` });
  return { id, key };
}
