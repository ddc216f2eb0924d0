import { uuidv7 } from 'uuidv7';
import { recordAudit } from '../audit/record-audit.ts';
import { createAccessToken } from '../auth/create-access-token.ts';
import { type Database, transaction } from '../db/database.ts';
import type { Solution } from './challenge.ts';
import { checkSolution } from './check-solution.ts';
import type { App } from './find-app.ts';
import { spendChallenge } from './spend-challenge.ts';

/**
 * Gives a stranger a token for threads of their own, once for each solution: both are one transaction, so that a crash
 * in between costs them neither.
 * @throws Problem challenge-expired, solution-invalid, solution-spent
 */
export async function openSession(
  db: Database,
  app: App,
  sent: Solution | string,
  requestId?: string,
): Promise<{ token: string; expiresAt: Date }> {
  const solved = await checkSolution(app, sent);
  const ownerId = `anon:${uuidv7()}`;
  const { token, expiresAt } = await transaction(db, async (tx) => {
    await spendChallenge(tx, app, solved);
    const session = await createAccessToken(tx, {
      kind: 'session',
      tenantId: app.tenantId,
      ownerId,
      threadNo: null,
      executionId: null,
      scope: null,
      madeBy: ownerId,
      apiKeyId: null,
      appId: app.id,
      ttlSeconds: app.sessionTtlSeconds,
      endsAt: null,
    });
    const { id } = session;
    await recordAudit(
      tx,
      { kind: 'session', id, via: app.id, requestId },
      { action: 'session.opened', tenantId: app.tenantId, ownerId, subjectId: id },
    );
    return session;
  });
  return { token, expiresAt };
}
