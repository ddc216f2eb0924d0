import fc from 'fast-check';
import { reference } from '../world/things.ts';

/** What the demo model does as it is told, so that fuzzed executions run, ask, fail and wait. */
const SCRIPTS = [
  'say hello',
  'stream 40 20',
  'think first\nsay then',
  'call get_time {}\n---\nsay done',
  'call refund_order {"orderId": "o1", "amount": 1}\n---\nsay done',
  'call ask_person {"question": "which?"}\n---\nsay done',
  'call send_email {"to": "a@b.c", "subject": "s", "body": "b"}\ncall lookup_order {"orderId": "o1"}',
  'call nothing {}',
  'call refund_order {"orderId":',
  'fail cut 1\nsay hello',
  'fail interrupted',
  'finish length',
  'hello',
];
const DATA_URL = 'data:text/plain;base64,aGVsbG8=';
/** Nothing of the outside is asked for: these are refused, or found to be nowhere. */
const URLS = [DATA_URL, 'data:,x', 'data:image/png;base64,%%%', 'https://127.0.0.1/x', 'https://a.invalid/'];

/** Texts that mean something under a name, beside those that the server has told of. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  agentId: ['assistant', 'operator'],
  input: SCRIPTS,
  text: SCRIPTS,
  prompt: SCRIPTS,
  url: URLS,
  mediaType: ['text/plain', 'image/png', 'application/pdf'],
  name: ['start.js', 'swagger-ui.css'],
  toolName: ['refund_order', 'ask_person'],
  toolCallId: ['call_1', 'call_2'],
  after: ['0', '1', '5', '1.1', '1.0'],
  'last-event-id': ['0', '1', '5', '1.1', '1.0'],
  startIndex: ['0', '1', '-1', '-1000'],
  timeoutMs: ['0', '1', '20'],
  cron: ['* * * * *', '0 9 * * 1-5', '@daily', '61 * * * *'],
  timezone: ['UTC', 'Europe/Berlin', 'Nowhere/Town'],
  'idempotency-key': ['k1', 'k2', 'k3'],
  'x-ai-sdk': ['6', '7'],
};
/** Under which other names the server tells of what goes by this one. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  after: ['streamCursor', 'nextAfter'],
  'last-event-id': ['streamCursor'],
  cursor: ['nextCursor'],
  assignee: ['decidedBy'],
};

/** Texts that are likely to be taken under this name: real ids, and words that lead deep into the code. */
export function knownText(name: string): fc.Arbitrary<string> {
  const kinds = [name, ...(SYNONYMS[name] ?? [])];
  const known = fc.tuple(fc.constantFrom(...kinds), fc.nat(120)).map(([kind, no]) => reference(kind, no));
  const words = WORDS[name];
  return words === undefined ? known : fc.oneof(known, { weight: 3, arbitrary: fc.constantFrom(...words) });
}

/** What `useChat` sends among its messages: the whole history, with what people answered. */
export function chatMessage(): fc.Arbitrary<unknown> {
  const user = fc.record({
    id: fc.oneof(fc.string({ minLength: 1 }), knownText('messageId')),
    role: fc.constant('user'),
    parts: fc.array(fc.record({ type: fc.constant('text'), text: fc.constantFrom(...SCRIPTS) }), {
      minLength: 1,
      maxLength: 2,
    }),
  });
  const toolPart = fc.record({
    type: fc.constantFrom('tool-refund_order', 'tool-ask_person', 'dynamic-tool'),
    toolCallId: knownText('toolCallId'),
    state: fc.constantFrom('approval-responded', 'output-available', 'output-error', 'input-available'),
    input: fc.jsonValue({ maxDepth: 1 }),
    output: fc.jsonValue({ maxDepth: 1 }),
    approval: fc.record({ id: knownText('approvalId'), approved: fc.boolean(), reason: fc.string() }),
  });
  const assistant = fc.record({
    id: knownText('messageId'),
    role: fc.constant('assistant'),
    parts: fc.array(toolPart, { maxLength: 2 }),
  });
  return fc.oneof({ weight: 4, arbitrary: user }, { weight: 3, arbitrary: assistant }, fc.jsonValue());
}
