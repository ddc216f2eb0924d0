import { createHash } from 'node:crypto';
import { and, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { canonicalJson } from '../canonical-json.ts';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { sqlState } from '../db/errors.ts';
import { whilePatient } from '../db/retry.ts';
import { idempotencyKeys } from '../db/schema.ts';
import { keyOwner, type Scope } from '../db/scope.ts';
import { Problem } from '../problems/problem.ts';
import { KEY_LIFETIME } from '../retention/remove-idempotency-keys.ts';
import { type JsonAnswer, json } from './answer.ts';
import type { Call } from './route.ts';

/** A request that may name a key, with what makes it the same as another. */
export type KeyedCall = Pick<
  Call<unknown, unknown, z.output<typeof keyHeaders>, unknown>,
  'scope' | 'method' | 'path' | 'headers' | 'body'
>;

/** What a request did and is answered with. Only successes are kept: anything else throws. */
export interface Effect {
  status: number;
  headers: Record<string, string>;
  body: unknown;
  /** Called once what the request did is committed. */
  afterCommit?(): void;
}

export interface Outcome extends Omit<Effect, 'afterCommit'> {
  /** It is the answer to an earlier request with this key; nothing was done. */
  replayed: boolean;
}

const LOCK_NOT_AVAILABLE = '55P03';

/** The headers of routes that honour a key. */
export const keyHeaders = z.object({
  'idempotency-key': z
    .string()
    .min(1, 'must not be empty')
    .max(255, 'must have at most 255 characters')
    .regex(/^[^\u0000-\u001f\u007f-\u009f]*$/, 'must have no control characters')
    .optional(),
});

/**
 * Does a request once, however often it is sent under one key: key, effect and answer commit together. A crash,
 * and any answer that is no success, frees the key.
 * @param patienceMs for how long it is tried again when Postgres is away or a row is held. Not every request has a
 *   key: `work` must know again what a try did whose commit was not heard of, or get ONE_TRY_MS
 * @throws Problem idempotency-key-reused, idempotency-in-flight, and what `work` throws
 */
export async function idempotently(
  db: Database,
  call: KeyedCall,
  patienceMs: number,
  work: (tx: Transaction) => Promise<Effect>,
): Promise<Outcome> {
  const { outcome, afterCommit } = await whilePatient(patienceMs, () =>
    transaction(db, (tx) => doOnce(tx, call, work)),
  );
  afterCommit?.();
  return outcome;
}

async function doOnce(
  tx: Transaction,
  call: KeyedCall,
  work: (tx: Transaction) => Promise<Effect>,
): Promise<{ outcome: Outcome; afterCommit?: Effect['afterCommit'] }> {
  const { scope } = call;
  const key = call.headers['idempotency-key'];
  const first = key === undefined ? undefined : await reserveKey(tx, scope, key, hashOf(call));
  if (first !== undefined) return { outcome: { ...first, replayed: true } };
  const { afterCommit, ...answer } = await work(tx);
  if (key !== undefined) await keepAnswer(tx, scope, key, answer);
  return { outcome: { ...answer, replayed: false }, afterCommit };
}

/** The answer to a request that may have been made before. */
export function answerOutcome({ status, headers, body, replayed }: Outcome): JsonAnswer {
  return json(body, status, { ...headers, ...(replayed ? { 'idempotency-replayed': 'true' } : {}) });
}

/** Takes the key, or gives the answer that it stands for. */
async function reserveKey(
  tx: Transaction,
  scope: Scope,
  key: string,
  requestHash: string,
): Promise<Omit<Effect, 'afterCommit'> | undefined> {
  const kept = await takeKey(tx, scope, key, requestHash);
  if (kept === undefined) return undefined;
  if (kept.answer === undefined) throw inFlight();
  return kept.answer;
}

/**
 * Takes a key for a request, unless one like it has taken it before; whoever else holds it in an open transaction is
 * waited for.
 * @returns what is kept of the earlier request: its answer, or none if it did not come to one
 * @throws Problem idempotency-key-reused, idempotency-in-flight
 */
export async function takeKey(
  tx: Transaction,
  scope: Scope,
  key: string,
  requestHash: string,
): Promise<{ answer: Omit<Effect, 'afterCommit'> | undefined } | undefined> {
  await tx.execute(sql`SET LOCAL lock_timeout = '1s'`);
  const isTaken = await insertKey(tx, scope, key, requestHash);
  await tx.execute(sql`SET LOCAL lock_timeout TO DEFAULT`);
  if (!isTaken) return undefined;
  const [kept] = await tx.select().from(idempotencyKeys).where(ofKey(scope, key));
  if (kept === undefined) throw inFlight();
  if (kept.requestHash !== requestHash) {
    throw new Problem('idempotency-key-reused', 'This Idempotency-Key was used for another request');
  }
  const { status, headers, body } = kept;
  return { answer: status === null ? undefined : { status, headers: headers ?? {}, body } };
}

async function insertKey(tx: Transaction, scope: Scope, key: string, requestHash: string): Promise<boolean> {
  try {
    await tx
      .delete(idempotencyKeys)
      .where(and(ofKey(scope, key), sql`${idempotencyKeys.createdAt} < clock_timestamp() - ${KEY_LIFETIME}`));
    const inserted = await tx
      .insert(idempotencyKeys)
      .values({ tenantId: scope.tenantId, ownerId: keyOwner(scope), key, requestHash })
      .onConflictDoNothing()
      .returning({ key: idempotencyKeys.key });
    return inserted.length === 0;
  } catch (error) {
    throw sqlState(error) === LOCK_NOT_AVAILABLE ? inFlight() : error;
  }
}

/** Lets a key that was taken stand for this answer from now on. */
export async function keepAnswer(
  tx: Transaction,
  scope: Scope,
  key: string,
  { status, headers, body }: Omit<Effect, 'afterCommit'>,
): Promise<void> {
  await tx.update(idempotencyKeys).set({ status, headers, body }).where(ofKey(scope, key));
}

/** Whoever sees the whole tenant still has keys of its own only. */
function ofKey(scope: Scope, key: string) {
  const t = idempotencyKeys;
  return and(eq(t.tenantId, scope.tenantId), eq(t.ownerId, keyOwner(scope)), eq(t.key, key));
}

/** What makes a request the same as another. */
export function hashOf({ method, path, body }: Pick<KeyedCall, 'method' | 'path' | 'body'>): string {
  const text = `${method}\n${path}\n${body === undefined ? '' : canonicalJson(body)}`;
  return createHash('sha256').update(text).digest('hex');
}

function inFlight(): Problem {
  return new Problem('idempotency-in-flight', 'The first request with this key is not answered yet', {
    headers: { 'retry-after': '1' },
  });
}
