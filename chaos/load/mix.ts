import type { Random } from '../random.ts';

/** What an execution is asked for, and what its message says when it ends as it should. */
export interface Task {
  kind: 'text' | 'side-by-side' | 'long-tool' | 'model-retry' | 'thread' | 'approval' | 'question';
  script: string;
  /** The texts of the answer, in order: the same whatever happened on the way. */
  texts: string[];
  /** The answer ends with what the model was told of all calls, which depends on what people decided. */
  tellsResults: boolean;
  /** Whether the model itself fails now and then: too many crashes may then use up its retries. */
  mayFail: boolean;
}

/** One task, or several that wait for each other in one thread. */
export type Job = readonly Task[];

/**
 * The next job of the mix. Turns are short, for a turn that is cut is streamed again from its start: between two
 * faults an execution makes progress, as it does in practice.
 */
export function drawJob(random: Random, no: number): Job {
  const share = random.next();
  if (share < 0.2) return [textTask(random)];
  if (share < 0.4) return [sideBySideTask(random, no)];
  if (share < 0.5) return [longToolTask(random, no)];
  if (share < 0.6) return [modelRetryTask(random)];
  if (share < 0.7)
    return Array.from({ length: random.between(2, 3) }, () => ({ ...textTask(random), kind: 'thread' }));
  if (share < 0.93) return [approvalTask(random, no)];
  return [questionTask(random, no)];
}

function textTask(random: Random): Task {
  const words = random.between(20, 50);
  const script = `think About it for a while\nstream ${words} ${random.between(10, 25)}`;
  return { kind: 'text', script, texts: [numbered(words)], tellsResults: false, mayFail: false };
}

function sideBySideTask(random: Random, no: number): Task {
  const words = [random.between(5, 12), random.between(5, 12), random.between(5, 12)];
  const script = [
    'think First the order and the report',
    `stream ${words[0]} 20`,
    `call slow_report ${JSON.stringify({ seconds: random.between(1, 4) / 10, name: `report ${no}` })}`,
    `call lookup_order {"orderId":"A-${no}"}`,
    emailCall(no),
    '---',
    `stream ${words[1]} 20`,
    `call lookup_order {"orderId":"B-${no}"}`,
    `call slow_report ${JSON.stringify({ seconds: 0.1, name: `second report ${no}` })}`,
    '---',
    'think Now all of it is there',
    `stream ${words[2]} 20`,
  ].join('\n');
  return { kind: 'side-by-side', script, texts: words.map(numbered), tellsResults: false, mayFail: false };
}

function longToolTask(random: Random, no: number): Task {
  const seconds = random.between(10, 25) / 10;
  const script = [
    'say One moment',
    `call slow_report ${JSON.stringify({ seconds, name: `long report ${no}` })}`,
    emailCall(no),
    '---',
    'stream 8 20',
  ].join('\n');
  return {
    kind: 'long-tool',
    script,
    texts: ['One moment', numbered(8)],
    tellsResults: false,
    mayFail: false,
  };
}

function modelRetryTask(random: Random): Task {
  const words = random.between(8, 20);
  const failure = random.pick(['cut', 'error', 'interrupted', 'http-429', 'http-500']);
  const script = `stream ${words} 15\nfail ${failure} 1`;
  return { kind: 'model-retry', script, texts: [numbered(words)], tellsResults: false, mayFail: true };
}

/** One or two calls that a person has to approve, beside some that need none, over one or two turns. */
function approvalTask(random: Random, no: number): Task {
  const words = random.between(5, 10);
  const refund = (n: number) =>
    `call refund_order {"orderId":"A-${no}-${n}","amount":${random.between(1, 500)}}`;
  const stranger = emailCall(no).replace('example.com', 'elsewhere.example');
  const free = `call slow_report ${JSON.stringify({ seconds: random.between(1, 8) / 10, name: `report ${no}` })}`;
  const turns = Array.from({ length: random.between(1, 2) }, (_, turn) => [
    `stream ${words} 20`,
    refund(turn),
    ...(random.next() < 0.5 ? [random.pick([stranger, refund(turn + 2)])] : []),
    ...(random.next() < 0.4 ? [free] : []),
  ]);
  const script = turns.map((turn) => random.shuffled(turn).join('\n')).join('\n---\n');
  const texts = turns.map(() => numbered(words));
  return { kind: 'approval', script, texts, tellsResults: true, mayFail: false };
}

function questionTask(random: Random, no: number): Task {
  const calls = [
    `call ask_person {"question":"Which order is ${no}?"}`,
    `call lookup_order {"orderId":"A-${no}"}`,
  ];
  const script = ['say One moment', ...random.shuffled(calls)].join('\n');
  return { kind: 'question', script, texts: ['One moment'], tellsResults: true, mayFail: false };
}

function emailCall(no: number): string {
  const mail = { to: `person-${no}@example.com`, subject: 'Hello', body: 'The report comes' };
  return `call send_email ${JSON.stringify(mail)}`;
}

function numbered(words: number): string {
  return Array.from({ length: words }, (_, i) => `w${i + 1}`).join(' ');
}
