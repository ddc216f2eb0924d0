import type { Transaction } from '../db/database.ts';

/**
 * Sees to it that a segment is run: inside the transaction that makes it `queued` it either enqueues it or decides
 * that this process starts it. The caller calls what it returns after its commit, and not if there was none.
 */
export type Dispatch = (tx: Transaction, executionId: string, segment: number) => Promise<() => void>;
