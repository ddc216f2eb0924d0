import { eq } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { threads } from '../db/schema.ts';

/** Takes a thread's row, which comes before those of its executions: promotions happen one after another. */
export async function holdThread(tx: Transaction, threadNo: number): Promise<void> {
  await tx.select({ no: threads.no }).from(threads).where(eq(threads.no, threadNo)).for('no key update');
}
