import type { Logger } from 'pino';
import { isTransient } from '../db/errors.ts';
import type { Batches } from './tally.ts';

/** A log that is due for something, and its place among those that are. */
export interface DueLog {
  readonly [column: string]: unknown;
  /** The execution's number, as Postgres sends a bigint. */
  readonly no: string;
  /** By this they are in order, to the microsecond. */
  readonly at: string;
}

const FOUND_AT_ONCE = 100;
const FIRST: DueLog = { at: '-infinity', no: '0' };

/**
 * Walks over all that are due, in order and each once: one that fails, or that another worker holds, is passed
 * over and does not keep the others waiting.
 */
export async function* eachLog(
  logger: Logger,
  find: (after: DueLog, limit: number) => Promise<DueLog[]>,
  work: (executionNo: number) => Batches,
): Batches {
  for (let after: DueLog | undefined = FIRST; after !== undefined; ) {
    const found = await find(after, FOUND_AT_ONCE);
    for (const { no } of found) yield* passingOver(logger, Number(no), work);
    after = found.length < FOUND_AT_ONCE ? undefined : found.at(-1);
  }
}

async function* passingOver(logger: Logger, executionNo: number, work: (no: number) => Batches): Batches {
  try {
    yield* work(executionNo);
  } catch (error) {
    if (isTransient(error)) throw error;
    logger.error({ err: error, executionNo }, 'maintenance.log-failed');
  }
}
