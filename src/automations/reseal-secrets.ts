import { and, asc, gt, isNotNull, sql } from 'drizzle-orm';
import { COMMAND } from '../audit/actor.ts';
import { auditChange } from '../audit/record-audit.ts';
import type { Executor } from '../db/database.ts';
import { automations } from '../db/schema.ts';
import type { EncryptionKeys } from '../secrets/encryption-keys.ts';
import { isSealedByOlderKey, openSecret, SecretUnreadable, sealSecret } from '../secrets/seal-secret.ts';

const BATCH = 500;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

export interface Resealed {
  /** Secrets that the first key has sealed now. */
  resealed: number;
  /** Automations whose secret no key opens. */
  unreadable: string[];
}

/** Seals every secret with the first key, so that the others are not needed any more. Servers may run meanwhile. */
export async function resealSecrets(db: Executor, keys: EncryptionKeys): Promise<Resealed> {
  const done: Resealed = { resealed: 0, unreadable: [] };
  for (let after: string | undefined = BEFORE_ALL; after !== undefined; ) {
    const page = await readPage(db, after);
    for (const { id, sealed } of page) {
      if (!isSealedByOlderKey(keys, sealed)) continue;
      const again = sealAgain(keys, id, sealed);
      if (again === undefined) done.unreadable.push(id);
      else if (await replace(db, { id, sealed }, again, keys[0].id)) done.resealed += 1;
    }
    after = page.at(-1)?.id;
  }
  return done;
}

async function readPage(db: Executor, after: string): Promise<{ id: string; sealed: string }[]> {
  const { id, sealedSecret } = automations;
  const page = await db
    .select({ id, sealed: sealedSecret })
    .from(automations)
    .where(and(isNotNull(sealedSecret), gt(id, after)))
    .orderBy(asc(id))
    .limit(BATCH);
  return page.map((row) => ({ id: row.id, sealed: row.sealed ?? '' }));
}

function sealAgain(keys: EncryptionKeys, id: string, sealed: string): string | undefined {
  try {
    return sealSecret(keys, id, openSecret(keys, id, sealed));
  } catch (error) {
    if (error instanceof SecretUnreadable) return undefined;
    throw error;
  }
}

/** Not if somebody has given it another secret meanwhile. Who has the automation can read that this was done. */
function replace(
  db: Executor,
  { id, sealed }: { id: string; sealed: string },
  again: string,
  keyId: string,
): Promise<boolean> {
  return auditChange(db, COMMAND, 'secret.rotated', {
    change: sql`
      UPDATE ${automations} SET sealed_secret = ${again}
      WHERE ${automations.id} = ${id} AND ${automations.sealedSecret} = ${sealed}
      RETURNING id, tenant_id, owner_id`,
    details: sql`json_build_object('keyId', ${keyId}::text)`,
  });
}
