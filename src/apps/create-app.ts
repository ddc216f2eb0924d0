import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { COMMAND } from '../audit/actor.ts';
import { auditing } from '../audit/record-audit.ts';
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

/** Makes an app at the command line. @returns the id, which its pages name: no secret */
export async function createApp(
  db: Executor,
  { allowedOrigins, agentIds, ...fields }: NewApp,
): Promise<string> {
  const id = uuidv7();
  const { name, tenantId } = fields;
  const entry = {
    action: 'app.created',
    tenantId,
    ownerId: null,
    subjectId: id,
    details: { name, allowedOrigins, agentIds },
  } as const;
  await auditing(db, COMMAND, entry)
    .insert(apps)
    .values({
      id,
      ...fields,
      allowedOrigins: [...allowedOrigins],
      agentIds: [...agentIds],
      challengeSecret: randomBytes(32),
      createdAt: sql`clock_timestamp()`,
    });
  return id;
}
