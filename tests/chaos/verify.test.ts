import { describe, expect, test } from '@jest/globals';
import { checkA1, checkT3 } from '../../chaos/verify/approval-invariants.ts';
import type { Asked, Stored } from '../../chaos/verify/evidence.ts';
import { checkE1, checkE2, checkE3, checkE4, checkE5 } from '../../chaos/verify/execution-invariants.ts';
import { checkL1, checkL2, checkL3, checkL4, checkL5, checkL6 } from '../../chaos/verify/log-invariants.ts';
import { checkT1, checkT2 } from '../../chaos/verify/tool-invariants.ts';

const CHUNKS = [
  '{"type":"start","messageId":"m"}',
  '{"type":"start-step"}',
  '{"type":"text-start","id":"t1.0"}',
  '{"type":"text-delta","id":"t1.0","delta":"w1 w2"}',
  '{"type":"text-end","id":"t1.0"}',
  '{"type":"finish-step"}',
  '{"type":"finish","finishReason":"stop"}',
];

/** An execution that was taken over after its second row, and ended well. */
function sound(): Stored {
  const row = (seq: number, attempt: number, createdAt: number, chunks: string[]) => {
    return { seq, n: chunks.length, attempt, turn: seq > 1 ? 1 : 0, createdAt, chunks: chunks.join('\n') };
  };
  const move = (was: string | null, became: string, attempt: number, at: number) => {
    const isTaken = was === 'queued' || (was === 'running' && became === 'queued');
    const attemptWas = was === null ? null : attempt - (isTaken ? 1 : 0);
    return { was, became, attemptWas, attempt, segment: attempt > 1 ? 2 : 1, at };
  };
  const said = { input: { n: 1 }, output: 'done', errorText: null };
  return {
    id: 'x',
    threadNo: '1',
    ordinal: 1,
    status: 'completed',
    attempt: 3,
    lastSeq: 7,
    isFinished: true,
    errorCode: null,
    errorDetail: null,
    messageId: 'm',
    rows: [
      row(1, 1, 20, CHUNKS.slice(0, 1)),
      row(2, 1, 21, CHUNKS.slice(1, 2)),
      row(3, 3, 50, CHUNKS.slice(2)),
    ],
    message: {
      status: 'complete',
      parts: [{ type: 'step-start' }, { type: 'text', text: 'w1 w2', state: 'done' }],
    },
    attempts: [
      { attempt: 1, segment: 1, workerId: 'a', startedAt: 10, endedAt: 30, endReason: 'crashed' },
      { attempt: 3, segment: 2, workerId: 'b', startedAt: 40, endedAt: 60, endReason: 'completed' },
    ],
    failures: 0,
    calls: [
      { toolCallId: 'c1', toolName: 'slow_report', idempotent: false, status: 'completed', ...said },
      { toolCallId: 'c2', toolName: 'send_email', idempotent: true, status: 'completed', ...said },
    ],
    moves: [
      move(null, 'queued', 0, 5),
      move('queued', 'running', 1, 10),
      move('running', 'queued', 2, 30),
      move('queued', 'running', 3, 40),
      move('running', 'completed', 3, 60),
    ],
    asked: [],
    callMoves: [
      { toolCallId: 'c1', was: 'pending', became: 'running', attempt: 1, at: 22 },
      { toolCallId: 'c2', was: 'pending', became: 'running', attempt: 1, at: 22 },
      { toolCallId: 'c2', was: 'running', became: 'running', attempt: 3, at: 45 },
    ],
    effects: [
      { tool: 'slow_report', toolCallId: 'c1', input: { n: 1 }, attempt: 1, at: 23 },
      { tool: 'send_email', toolCallId: 'c2', input: { n: 1 }, attempt: 1, at: 23 },
      { tool: 'send_email', toolCallId: 'c2', input: { n: 1 }, attempt: 3, at: 46 },
    ],
  };
}

const whole = () => ({ rows: CHUNKS.map((data, i) => ({ seq: i + 1, data })), isDone: true });

test('a sound execution violates nothing', async () => {
  const stored = sound();
  const sights = [whole(), { rows: whole().rows.slice(0, 3), isDone: false }];
  const found = [
    ...[checkL1, checkL4, checkL6, checkE1, checkE2, checkE3, checkT1, checkT2, checkT3].flatMap((check) =>
      check(stored),
    ),
    ...checkL2(stored, sights),
    ...checkL3(stored, sights),
    ...(await checkL5(stored, ['w1 w2'])),
    ...checkE4(['x'], [stored]),
    ...checkE5([stored]),
  ];
  expect(found).toEqual([]);
});

describe('of the log', () => {
  test('a gap and an overlap are found (L1)', () => {
    for (const seq of [2, 4]) {
      const stored = sound();
      Object.assign(stored.rows[2] ?? {}, { seq });
      expect(checkL1(stored)).toHaveLength(1);
    }
  });

  test.each([
    ['a row that came twice', (rows: object[]) => rows.splice(3, 0, rows[2] ?? {})],
    ['a row that was left out', (rows: object[]) => rows.splice(3, 1)],
    ['a row with other bytes', (rows: object[]) => Object.assign(rows[3] ?? {}, { data: '{}' })],
    ['an end that came too early', (rows: object[]) => rows.splice(5)],
  ])('%s is found (L2)', (_, change) => {
    const sight = whole();
    change(sight.rows);
    expect(checkL2(sound(), [whole(), sight])).toHaveLength(1);
  });

  test('a row that was seen and is not stored is found (L3)', () => {
    const stored = sound();
    stored.rows.pop();
    expect(checkL3(stored, [whole()])).toHaveLength(1);
  });

  test.each([
    ['after its attempt had lost the execution', 1, { createdAt: 31 }],
    ['before its attempt was claimed', 2, { createdAt: 39 }],
    ['of an attempt that nobody claimed', 1, { attempt: 2 }],
  ])('a row %s is found (L4)', (_, at, change) => {
    const stored = sound();
    Object.assign(stored.rows[at] ?? {}, change);
    expect(checkL4(stored)).toHaveLength(1);
  });

  test('a message that is not what the log says is found (L5)', async () => {
    expect(await checkL5({ ...sound(), message: { status: 'complete', parts: [] } }, ['w1 w2'])).not.toEqual(
      [],
    );
    expect(await checkL5(sound(), ['w1 w2 w3'])).toHaveLength(1);
  });

  test('a second final row, and none, are found (L6)', () => {
    const stored = sound();
    const [last] = stored.rows.slice(-1);
    const final = CHUNKS.at(-1) ?? '';
    Object.assign(last ?? {}, { n: 6, chunks: `${last?.chunks}\n${final}` });
    expect(checkL6({ ...stored, lastSeq: 8 })).toHaveLength(1);
    expect(checkL6({ ...stored, rows: stored.rows.slice(0, 2), lastSeq: 2 })).toHaveLength(1);
  });
});

describe('of the execution', () => {
  test.each([
    ['out of a final status', { was: 'completed', became: 'running', attemptWas: 3, attempt: 4 }],
    ['that gives an attempt back', { was: 'running', became: 'queued', attemptWas: 3, attempt: 2 }],
  ])('a move %s is found (E1)', (_, move) => {
    const stored = sound();
    stored.moves.push({ ...move, segment: 2, at: 70 });
    expect(checkE1({ ...stored, status: move.became })).not.toEqual([]);
  });

  test('a final status without an end is found (E2)', () => {
    expect(checkE2({ ...sound(), isFinished: false })).toHaveLength(1);
  });

  test('one that is not final is found, and an attempt without an end (E3)', () => {
    expect(checkE3({ ...sound(), status: 'running' })).toHaveLength(1);
    const stored = sound();
    Object.assign(stored.attempts[0] ?? {}, { endedAt: null });
    expect(checkE3(stored)).toHaveLength(1);
  });

  test('one that was accepted and is gone is found (E4)', () => {
    expect(checkE4(['x', 'y'], [sound()])).toHaveLength(1);
  });

  test('two that are active in one thread at once are found (E5)', () => {
    const later = { ...sound(), id: 'y', ordinal: 2 };
    expect(checkE5([later, sound()])).toHaveLength(1);
    expect(checkE5([{ ...later, threadNo: '2' }, sound()])).toEqual([]);
  });
});

describe('of the tools', () => {
  test('a call without its running row, or before it, is found (T1)', () => {
    const stored = sound();
    expect(checkT1({ ...stored, callMoves: stored.callMoves.slice(0, 2) })).toHaveLength(1);
    Object.assign(stored.effects[0] ?? {}, { at: 20 });
    expect(checkT1(stored)).toHaveLength(1);
  });

  test('a second effect of a tool that must have one is found, and one that never happened (T2)', () => {
    const stored = sound();
    stored.effects.push({ tool: 'slow_report', toolCallId: 'c1', input: { n: 1 }, attempt: 3, at: 46 });
    expect(checkT2(stored)).toHaveLength(1);
    expect(checkT2({ ...stored, effects: [] })).toHaveLength(2);
  });
});

/** The first call was approved, with other input if there is any, and its effect was cut off. */
function approved(change: Partial<Asked> = {}): Stored {
  const stored = sound();
  const one: Asked = {
    approvalId: 'a1',
    toolCallId: 'c1',
    kind: 'approval',
    status: 'approved',
    input: { n: 1 },
    editedInput: null,
    decidedAt: 22,
    history: ['requested', 'approved'],
    ...change,
  };
  return { ...stored, asked: [one] };
}

/** A person was asked what became of the first call. */
function unknown(status: Asked['status']): Stored {
  return approved({ kind: 'unknown-outcome', status, history: ['requested', status] });
}

describe('of what people decide', () => {
  test('what is sound violates nothing', () => {
    const told = [{ approvalId: 'a1', status: 'approved' }];
    for (const stored of [approved(), approved({ input: { n: 2 }, editedInput: { n: 1 } })])
      expect([...checkA1(stored, told), ...checkT2(stored), ...checkT3(stored), ...checkL4(stored)]).toEqual(
        [],
      );
  });

  test.each([
    ['two ends', { history: ['requested', 'approved', 'denied'] }],
    ['an end that is not in its history', { history: ['requested'] }],
    ['an end of another kind', { kind: 'question' }],
    ['none, though its execution is over', { status: 'pending', history: ['requested'] }],
  ] as const)('%s is found (A1)', (_, change) => {
    expect(checkA1(approved(change as Partial<Asked>), [])).toHaveLength(1);
  });

  test('that somebody was told something else is found (A1)', () => {
    expect(checkA1(approved(), [{ approvalId: 'a1', status: 'denied' }])).toHaveLength(1);
  });

  test.each([
    ['of a denied call', { status: 'denied' }],
    ['before the approval', { decidedAt: 30 }],
    ['with the input from before the edit', { editedInput: { n: 2 } }],
    ['with input that nobody saw', { input: { n: 2 } }],
  ] as const)('an effect %s is found (T3)', (_, change) => {
    expect(checkT3(approved(change))).toHaveLength(1);
  });

  test('a second effect is found unless a person said retry, and a third one all the same (T2)', () => {
    const again = { tool: 'slow_report', toolCallId: 'c1', input: { n: 1 }, attempt: 3, at: 46 };
    for (const [status, faults] of [
      ['retried', 0],
      ['resolved', 1],
      ['denied', 1],
    ] as const) {
      const stored = unknown(status);
      stored.effects.push(again);
      expect(checkT2(stored)).toHaveLength(faults);
      stored.effects.push(again);
      expect(checkT2(stored)).toHaveLength(1);
    }
  });

  test('no effect is found of a call that was approved, unless a person gave its output (T2)', () => {
    expect(checkT2({ ...approved(), effects: [] })).not.toEqual([]);
    expect(checkT2({ ...unknown('resolved'), effects: sound().effects.slice(1) })).toEqual([]);
  });

  test('a denial that nobody made is found (T2)', () => {
    const stored = approved();
    Object.assign(stored.calls[0] ?? {}, { status: 'denied' });
    expect(checkT2(stored)).toHaveLength(1);
  });

  test('a decision may come under an attempt that nobody has claimed, nothing else may (L4)', () => {
    const stored = sound();
    stored.moves.splice(3, 1);
    const decision = '{"type":"tool-approval-response","approvalId":"a1","approved":true}';
    Object.assign(stored.rows[2] ?? {}, { attempt: 2, chunks: decision });
    expect(checkL4(stored)).toEqual([]);
    Object.assign(stored.rows[2] ?? {}, { chunks: CHUNKS[2] });
    expect(checkL4(stored)).toHaveLength(1);
  });
});
