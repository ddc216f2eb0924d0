import { AsyncLocalStorage } from 'node:async_hooks';
import { DBOS, DBOSClient } from '@dbos-inc/dbos-sdk';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import type { Logger } from 'pino';
import type { DeliveryRef } from '../../workflows/deliver-notification.ts';
import {
  AGENT_EXECUTION,
  DELIVER_NOTIFICATION,
  type WorkflowEngine,
} from '../../workflows/register-workflows.ts';
import { asConnectionLost, type Transaction } from '../db/database.ts';
import type { Dispatch } from '../executions/dispatch.ts';
import type { SegmentHealth } from '../workers/sweeper.ts';
import { dbosLogger } from './dbos-logger.ts';
import { discardSegments, findOrphanedSegments, findStuckSegments, workflowId } from './stuck-segments.ts';

/**
 * Which shape the workflows have. It changes only when an old process could not run a new segment or the other way
 * round; DBOS's default, a hash of the code, would strand every queued segment at each deploy.
 */
export const APPLICATION_VERSION = '1';

const APPLICATION = 'outlast';
const QUEUE = 'executions';
/**
 * A poll is a transaction of four statements, whether there is anything or not: every 50 ms they would be 80 of some
 * 90 statements a second of an idle process, and most of its 4 % of a core. A process with a free slot starts what it
 * is asked for itself; only what goes to another one, or waits for a slot, waits for a poll.
 */
const QUEUE_POLL_MS = 250;
/** Segments that were told to stop get this long to write their end into DBOS's tables. */
const LAST_STEP_MS = 500;

export interface EngineOptions {
  databaseUrl: string;
  executorId: string;
  /** Milliseconds that a transaction of DBOS may sit idle, as for our own. */
  idleTransactionMs: number;
  /** Segments that this process takes from the queue at once; 0 for a process that runs none. */
  concurrency: number;
  /** How many segments this process may start by itself: 0 unless it is a worker that does not drain. */
  freeSlots(): number;
  logger: Logger;
}

/** The one place that knows DBOS: it starts, enqueues, finds and forgets the workflows of segments. */
export interface Engine extends WorkflowEngine {
  readonly dispatch: Dispatch;
  readonly segments: SegmentHealth;
  /**
   * Makes one try to deliver a notification, in this process. Resolves when it has ended, in whatever way: if it did
   * not get to its end, its lease does.
   */
  deliver(ref: DeliveryRef): Promise<void>;
  /** Begins to run segments; all workflows are registered by then. */
  launch(): Promise<void>;
  /**
   * Takes nothing more from the queue from now on: a process that drains would take back what it hands over. What
   * runs may go on, for at most this long.
   */
  stopTaking(graceMs: number): void;
  /** Ends DBOS in this process; what still runs stays for others to take over. */
  shutdown(): Promise<void>;
}

type SegmentWorkflow = (executionId: string, segment: number) => Promise<void>;
type Workflow = (id: string, no: number) => Promise<void>;

/** Connects to DBOS without running anything yet. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    max: 10,
    keepAlive: true,
    idle_in_transaction_session_timeout: options.idleTransactionMs,
    application_name: 'outlast dbos',
  });
  pool.on('error', (error) => options.logger.warn({ err: error }, 'dbos.connection-lost'));
  pool.on('connect', (client) => client.on('error', () => undefined));
  const client = await DBOSClient.create({
    systemDatabaseUrl: options.databaseUrl,
    systemDatabasePool: pool,
    applicationName: APPLICATION,
    logger: dbosLogger(options.logger),
  });
  const workflows = new Map<string, Workflow>();
  let ending: Promise<void> | undefined;
  /** Segments that are on their way to a slot: each has one as good as taken. */
  let starting = 0;
  // The end of an execution starts the next one of its thread from within a step, where DBOS starts no workflow.
  const outside = AsyncLocalStorage.snapshot();
  configure(options, pool);
  return {
    runStep: (name, step) => DBOS.runStep(step, { name }),
    register: (name, workflow) => workflows.set(name, DBOS.registerWorkflow(workflow, { name })),
    dispatch: async (tx, executionId, segment) => {
      const workflow = workflows.get(AGENT_EXECUTION);
      if (workflow !== undefined && options.freeSlots() > starting && (await isQueueEmpty(tx))) {
        return () => {
          starting += 1;
          void outside(() => start(options.logger, workflow, executionId, segment)).then(() => {
            starting -= 1;
          });
        };
      }
      await enqueue(client, tx, executionId, segment);
      return () => undefined;
    },
    deliver: async (ref) => {
      const workflow = workflows.get(DELIVER_NOTIFICATION);
      if (workflow !== undefined) await runDelivery(options.logger, workflow, ref);
    },
    segments: {
      findStuck: (db, limit) => findStuckSegments(db, options.executorId, limit),
      findOrphaned: findOrphanedSegments,
      discard: discardSegments,
    },
    launch: async () => {
      await registerQueue(client, options.concurrency);
      await DBOS.launch();
    },
    stopTaking: (graceMs) => {
      ending ??= DBOS.shutdown({ workflowCompletionTimeoutMS: graceMs + LAST_STEP_MS });
      ending.catch(() => undefined);
    },
    shutdown: async () => {
      await (ending ?? DBOS.shutdown({ workflowCompletionTimeoutMS: 0 }));
      await client.destroy();
      await pool.end();
    },
  };
}

function configure(options: EngineOptions, pool: pg.Pool): void {
  DBOS.setConfig({
    name: APPLICATION,
    systemDatabaseUrl: options.databaseUrl,
    systemDatabasePool: pool,
    executorID: options.executorId,
    applicationVersion: APPLICATION_VERSION,
    runMigrations: false,
    // A name that no queue has: a process that runs nothing must not take anything either.
    listenQueues: [options.concurrency > 0 ? QUEUE : 'none'],
    logger: dbosLogger(options.logger),
  });
}

/** Before the launch, so that this process polls the queue from the first moment. */
async function registerQueue(client: DBOSClient, concurrency: number): Promise<void> {
  if (concurrency === 0) return;
  await client.registerQueue(QUEUE, {
    workerConcurrency: concurrency,
    minPollingIntervalMs: QUEUE_POLL_MS,
    onConflict: 'always_update',
  });
}

/** Resolves once the workflow has begun, or could not. */
async function start(
  logger: Logger,
  workflow: SegmentWorkflow,
  executionId: string,
  segment: number,
): Promise<void> {
  const id = { workflowID: workflowId(executionId, segment), workflowIDReusePolicy: 'reject' } as const;
  // If this fails the execution stays queued without a workflow, which a healer finds within seconds.
  const fail = (error: unknown) =>
    logger.debug({ err: error, executionId, segment }, 'dbos.workflow-ended-early');
  try {
    const handle = await DBOS.startWorkflow(workflow, id)(executionId, segment);
    handle.getResult().catch(fail);
  } catch (error) {
    // A process that has just begun to drain refuses it.
    fail(error);
  }
}

async function runDelivery(logger: Logger, workflow: Workflow, ref: DeliveryRef): Promise<void> {
  const { notificationId, no } = ref;
  const id = { workflowID: workflowId(notificationId, no), workflowIDReusePolicy: 'reject' } as const;
  try {
    const handle = await DBOS.startWorkflow(workflow, id)(notificationId, no);
    await handle.getResult();
  } catch (error) {
    // A process that drains is cut off here too.
    logger.warn({ err: error, ...ref }, 'notification.delivery-cut');
  }
}

async function enqueue(
  client: DBOSClient,
  tx: Transaction,
  executionId: string,
  segment: number,
): Promise<void> {
  const options = {
    workflowName: AGENT_EXECUTION,
    queueName: QUEUE,
    workflowID: workflowId(executionId, segment),
    appVersion: APPLICATION_VERSION,
    workflowIDReusePolicy: 'reject',
  } as const;
  try {
    await client.enqueueInTransaction<SegmentWorkflow>(tx.$client, options, executionId, segment);
  } catch (error) {
    throw isOfConnection(error) ? asConnectionLost(error) : error;
  }
}

/** DBOS hands on what pg says of a broken connection, which is an Error without a type; its own have a code. */
function isOfConnection(error: unknown): boolean {
  return error instanceof Error && error.name === 'Error' && !('dbosErrorCode' in error);
}

async function isQueueEmpty(tx: Transaction): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    SELECT 1 FROM dbos.workflow_status WHERE queue_name = ${QUEUE} AND status = 'ENQUEUED' LIMIT 1`);
  return rowCount === 0;
}
