import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { defineAgent } from '../../src/agents/define-agent.ts';
import type { ToolContext } from '../../src/agents/define-tool.ts';
import type { Database } from '../../src/db/database.ts';
import { OwnershipLost } from '../../src/executions/ownership.ts';
import type { LeaseCheck } from '../../src/tools/lease-check.ts';
import type { ToolCallRow } from '../../src/tools/ledger.ts';
import { approvalOf } from '../support/approvals.ts';
import { createOwned, own } from '../support/executions.ts';
import { openFaultyDatabase } from '../support/faulty-database.ts';
import { openPool, storedLines } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  agentWith,
  callOf,
  callOnce,
  type Execute,
  insertCall,
  run,
  takenOver,
} from '../support/tool-calls.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url, 20);
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

describe('a tool call', () => {
  test('is in the ledger as running, for everybody to see, before the tool is called (T1)', async () => {
    let seen: ToolCallRow | undefined;
    const owned = await createOwned(db);
    await insertCall(db, owned);
    await run(
      db,
      owned,
      agentWith(async () => {
        seen = await callOf(db, owned);
        return 1;
      }),
    );
    expect(seen).toMatchObject({ status: 'running', attempt: 1, endedAt: null });
    expect(await callOf(db, owned)).toMatchObject({ status: 'completed', output: 1 });
  });

  test('that is settled is not made again', async () => {
    const owned = await createOwned(db);
    await insertCall(db, owned);
    let calls = 0;
    const agent = agentWith(() => ++calls, { idempotent: true });
    await run(db, owned, agent);
    await run(db, owned, agent);
    expect(calls).toBe(1);
    expect(await storedLines(db, owned.claimed.no)).toHaveLength(1);
  });

  test('that an earlier attempt left running is made again with the same key if it is idempotent (T2)', async () => {
    const contexts: ToolContext[] = [];
    const first = await createOwned(db);
    await insertCall(db, first, { idempotent: true });
    const agent = agentWith(
      async (_, context) => {
        contexts.push(context);
        if (contexts.length === 1) first.lose(new OwnershipLost('killed'));
        return 'done';
      },
      { idempotent: true },
    );
    await expect(run(db, first, agent)).rejects.toThrow(OwnershipLost);
    expect(await callOf(db, first)).toMatchObject({ status: 'running', attempt: 1 });
    const second = await takenOver(db, first);
    await run(db, second, agent);
    expect(contexts.map((context) => context.attempt)).toEqual([1, 3]);
    expect(new Set(contexts.map((context) => context.idempotencyKey))).toEqual(
      new Set([`${first.claimed.id}:c1`]),
    );
    expect(await callOf(db, second)).toMatchObject({ status: 'completed', output: 'done', attempt: 3 });
  });

  test('that an earlier attempt left running is not made again if it is not: a person is asked (T2)', async () => {
    const first = await createOwned(db);
    await insertCall(db, first, { status: 'running', attempt: 1 });
    const second = await takenOver(db, first);
    let calls = 0;
    await run(
      db,
      second,
      agentWith(() => ++calls),
    );
    expect(calls).toBe(0);
    expect(await callOf(db, second)).toMatchObject({ status: 'running', endedAt: null, output: null });
    expect(await approvalOf(db, second)).toMatchObject({ kind: 'unknown-outcome', status: 'pending' });
  });

  test('left running by an earlier attempt is unknown also when the agent lost its tool meanwhile', async () => {
    const first = await createOwned(db);
    await insertCall(db, first, { status: 'running', attempt: 1 });
    const second = await takenOver(db, first);
    await run(db, second, defineAgent({ instructions: '' }));
    expect(await callOf(db, second)).toMatchObject({ status: 'running' });
    expect(await approvalOf(db, second)).toMatchObject({ kind: 'unknown-outcome', inputSchema: {} });
  });

  test('of one who was taken over leaves no result: the execution is lost', async () => {
    const first = await createOwned(db);
    await insertCall(db, first);
    const agent = agentWith(async () => {
      await takenOver(db, first);
      return 'too late';
    });
    await expect(run(db, first, agent)).rejects.toThrow(OwnershipLost);
    expect(await callOf(db, first)).toMatchObject({ status: 'running', attempt: 1 });
    expect(await storedLines(db, first.claimed.no)).toEqual([]);
  });

  test.each(['before', 'after', 'open'] as const)(
    'whose start is not heard to commit (%s) is made once',
    async (fault) => {
      const faulty = openFaultyDatabase(database.url);
      const plain = await createOwned(db);
      const owned = own(faulty, plain.claimed);
      await insertCall(db, owned);
      faulty.plan([fault, fault]);
      let calls = 0;
      await run(
        faulty,
        owned,
        agentWith(() => ++calls),
      );
      expect(calls).toBe(1);
      expect(await callOf(db, owned)).toMatchObject({ status: 'completed', output: 1 });
      expect(await storedLines(db, owned.claimed.no)).toHaveLength(1);
      await faulty.releaseLate();
      await faulty.close();
    },
  );

  describe('whose lease runs out while the tool is called', () => {
    /** Sure for a moment until the tool is called, then not, then again once somebody has waited for it. */
    function lapsingLease(isCalled: () => boolean): LeaseCheck {
      let isRenewed = false;
      return {
        sureForMs: () => {
          if (isRenewed) return 3_600_000;
          return isCalled() ? 0 : 20;
        },
        whenSurelyHeld: async () => {
          isRenewed = true;
        },
      };
    }
    const untilAborted = (signal: AbortSignal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

    test('is aborted, and its outcome is unknown', async () => {
      const owned = await createOwned(db);
      await insertCall(db, owned);
      const calls: string[] = [];
      const agent = agentWith(async (_input, context) => {
        calls.push(context.idempotencyKey);
        return untilAborted(context.signal);
      });
      await run(
        db,
        owned,
        agent,
        lapsingLease(() => calls.length > 0),
      );
      expect(await callOf(db, owned)).toMatchObject({ status: 'running', endedAt: null });
      expect(await approvalOf(db, owned)).toMatchObject({ kind: 'unknown-outcome', status: 'pending' });
      expect(calls).toHaveLength(1);
    });

    test('is made again with the same key if its tool is idempotent', async () => {
      const owned = await createOwned(db);
      await insertCall(db, owned, { idempotent: true });
      const calls: string[] = [];
      const agent = agentWith(
        async (_input, context) => {
          calls.push(context.idempotencyKey);
          return calls.length === 1 ? untilAborted(context.signal) : 'done';
        },
        { idempotent: true },
      );
      await run(
        db,
        owned,
        agent,
        lapsingLease(() => calls.length > 0),
      );
      expect(await callOf(db, owned)).toMatchObject({ status: 'completed', output: 'done' });
      expect(calls).toEqual([calls[0], calls[0]]);
    });
  });

  test('waits for a sure lease and looks at it last, with nothing between the look and the call', async () => {
    const owned = await createOwned(db);
    await insertCall(db, owned);
    const order: string[] = [];
    let isHeld = false;
    const lease: LeaseCheck = {
      sureForMs: () => {
        queueMicrotask(() => order.push('microtask'));
        order.push(isHeld ? 'held' : 'not sure');
        return isHeld ? 3_600_000 : 0;
      },
      whenSurelyHeld: async () => {
        isHeld = true;
      },
    };
    await run(
      db,
      owned,
      agentWith(() => {
        order.push('called');
        return null;
      }),
      lease,
    );
    expect(order[0]).toBe('not sure');
    expect(order[order.indexOf('called') - 1]).toBe('held');
  });

  test('has its result and its row in the log in one transaction', async () => {
    const owned = await createOwned(db);
    await insertCall(db, owned);
    await db.orm.execute(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no log today'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON outlast.stream_chunks FOR EACH ROW EXECUTE FUNCTION refuse()`);
    await expect(
      run(
        db,
        owned,
        agentWith(() => 1),
      ),
    ).rejects.toThrow();
    await db.orm.execute('DROP TRIGGER refuse ON outlast.stream_chunks; DROP FUNCTION refuse()');
    expect(await callOf(db, owned)).toMatchObject({ status: 'running', endedAt: null, output: null });
  });
});

describe('a tool that does not do what it should', () => {
  test('is given up after its time, also when it does not heed its signal', async () => {
    const signals: AbortSignal[] = [];
    const hang: Execute = (_, { signal }) => {
      signals.push(signal);
      return new Promise(() => undefined);
    };
    const { row } = await callOnce(db, hang, { timeoutMs: 20 });
    expect(row).toMatchObject({ status: 'failed', errorCode: 'timeout' });
    expect(signals[0]?.aborted).toBe(true);
  });

  test('is called again only if it is idempotent, and only as often as it may be', async () => {
    let calls = 0;
    const fail = () => {
      calls += 1;
      throw new Error(`no ${calls}`);
    };
    const { row } = await callOnce(db, fail, { idempotent: true, retries: 2 });
    expect(calls).toBe(3);
    expect(row).toMatchObject({ status: 'failed', errorText: 'no 3' });
    calls = 0;
    await callOnce(db, fail);
    expect(calls).toBe(1);
  });

  test('is not called with input that does not fit, nor when it is gone', async () => {
    let calls = 0;
    const count = () => ++calls;
    const codes = [
      (await callOnce(db, count, {}, { input: { n: 'x' } })).row.errorCode,
      (await callOnce(db, count, {}, { toolName: 'gone' })).row.errorCode,
    ];
    expect(codes).toEqual(['invalid-input', 'tool-missing']);
    expect(calls).toBe(0);
  });

  test('is stopped when the execution is lost, and its outcome is left to whoever takes over', async () => {
    const owned = await createOwned(db);
    await insertCall(db, owned);
    let stop: AbortSignal | undefined;
    const calling = run(
      db,
      owned,
      agentWith((_, { signal }) => {
        stop = signal;
        return new Promise(() => undefined);
      }),
    );
    await waitFor(() => stop, { describe: 'the call' });
    owned.lose(new OwnershipLost('cancelled'));
    await expect(calling).rejects.toThrow('cancelled');
    expect(stop?.aborted).toBe(true);
    expect(await callOf(db, owned)).toMatchObject({ status: 'running' });
  });
});
