import { sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { Executor } from '../db/database.ts';
import { accessTokens } from '../db/schema.ts';
import { type AccessTokenKind, makeAccessToken } from './access-token.ts';
import type { TokenScope } from './token-scopes.ts';

export interface NewAccessToken {
  kind: AccessTokenKind;
  tenantId: string;
  /** Whose things it leads to. */
  ownerId: string;
  threadNo: number | null;
  executionId: string | null;
  /** Null: it is not for one thing. */
  scope: TokenScope | null;
  madeBy: string;
  /** The key that it ends with. */
  apiKeyId: string | null;
  /** The app that it ends with. */
  appId?: string;
  ttlSeconds: number;
  /** Of what it was made with, if that ends by itself: it ends no later. */
  endsAt: Date | null;
}

/** @returns the token itself, which cannot be had again */
export async function createAccessToken(
  db: Executor,
  { ttlSeconds, endsAt, ...fields }: NewAccessToken,
): Promise<{ id: string; token: string; expiresAt: Date }> {
  const { token, hash } = makeAccessToken(fields.kind);
  const id = uuidv7();
  const [row] = await db
    .insert(accessTokens)
    .values({
      id,
      ...fields,
      hash,
      createdAt: sql`clock_timestamp()`,
      // `least` leaves out what is null.
      expiresAt: sql`least(clock_timestamp() + ${ttlSeconds} * interval '1 second', ${endsAt?.toISOString() ?? null}::timestamptz)`,
    })
    .returning({ expiresAt: accessTokens.expiresAt });
  return { id, token, expiresAt: (row as { expiresAt: Date }).expiresAt };
}
