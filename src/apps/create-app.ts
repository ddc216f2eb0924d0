import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { Executor } from '../db/database.ts';
import { apps } from '../db/schema.ts';

export interface NewApp {
  name: string;
  tenantId: string;
  /** As `parseAllowedOrigin` gives them; at least one. */
  allowedOrigins: readonly string[];
  /** The only agents that its sessions may use; the first answers where nobody names one. */
  agentIds: readonly string[];
  sessionTtlSeconds: number;
  /** The iterations of one try; a challenge takes 256 tries in the mean. */
  difficulty: number;
}

/** @returns the id, which its pages name: no secret */
export async function createApp(
  db: Executor,
  { allowedOrigins, agentIds, ...fields }: NewApp,
): Promise<string> {
  const id = uuidv7();
  await db.insert(apps).values({
    id,
    ...fields,
    allowedOrigins: [...allowedOrigins],
    agentIds: [...agentIds],
    challengeSecret: randomBytes(32),
    createdAt: sql`clock_timestamp()`,
  });
  return id;
}
