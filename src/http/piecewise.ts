import { type Database, transaction } from '../db/database.ts';
import { RESTART_PATIENCE_MS, whilePatient } from '../db/retry.ts';
import { keyOwner } from '../db/scope.ts';
import { type Effect, hashOf, type KeyedCall, keepAnswer, type Outcome, takeKey } from './idempotency.ts';

/** What a request of several pieces came to. */
export interface Pieces {
  effect: Omit<Effect, 'afterCommit'>;
  /** No piece has to be tried again: the answer may be kept. */
  isWhole: boolean;
}

/**
 * Does a request that is several transactions, under one key. The key is taken before the first of them and keeps the
 * answer after the last, so that a crash leaves a taken key without an answer. The same request then does its pieces
 * once more: each must know what it did before, by an id made from `identity`. Another request never gets the key.
 * @param work gets what the same request always has, and no other; undefined without a key
 * @throws Problem idempotency-key-reused, idempotency-in-flight
 */
export async function piecewise(
  db: Database,
  call: KeyedCall,
  work: (identity: readonly string[] | undefined) => Promise<Pieces>,
): Promise<Outcome> {
  const { scope } = call;
  const key = call.headers['idempotency-key'];
  if (key === undefined) return { ...(await work(undefined)).effect, replayed: false };
  const requestHash = hashOf(call);
  const take = () =>
    whilePatient(RESTART_PATIENCE_MS, () => transaction(db, (tx) => takeKey(tx, scope, key, requestHash)));
  const earlier = await take();
  if (earlier?.answer !== undefined) return { ...earlier.answer, replayed: true };
  const { effect, isWhole } = await work([scope.tenantId, keyOwner(scope), key, requestHash]);
  if (!isWhole) return { ...effect, replayed: false };
  return whilePatient(RESTART_PATIENCE_MS, () =>
    transaction(db, async (tx): Promise<Outcome> => {
      // The same request may have come twice at once: whoever is done first answers for both.
      const other = await takeKey(tx, scope, key, requestHash);
      if (other?.answer !== undefined) return { ...other.answer, replayed: true };
      await keepAnswer(tx, scope, key, effect);
      return { ...effect, replayed: false };
    }),
  );
}
