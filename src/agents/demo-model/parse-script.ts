/** How a model call can go wrong on request. */
export type Failure = 'error' | 'cut' | 'interrupted' | 'http-429' | 'http-500';

/** One line of a script: what the demo model does next. */
export type Directive =
  | { kind: 'say'; text: string }
  | { kind: 'stream'; words: number; everyMs: number }
  | { kind: 'think'; text: string }
  | { kind: 'call'; tool: string; input: string }
  | { kind: 'fail'; failure: Failure; times: number }
  | { kind: 'hang' }
  | { kind: 'finish'; reason: ScriptedFinishReason }
  | { kind: 'usage'; input: number; output: number };

/** What the model does in one call. */
export type Turn = readonly Directive[];

const finishReasons = ['stop', 'length', 'content-filter', 'tool-calls', 'error', 'other'] as const;
export type ScriptedFinishReason = (typeof finishReasons)[number];

const failures: readonly string[] = ['error', 'cut', 'interrupted', 'http-429', 'http-500'];

/** What came from outside with the input of an automation. */
const FENCED = /<untrusted-data id="[0-9a-f]+">[^<]*<\/untrusted-data>/g;

/**
 * Reads the turns of a script. Lines that are no directive are left out, so that any prose is a script too:
 * an empty one. A turn ends at a line `---`; what follows the last of them is a turn if it does something. Nothing in
 * text that is marked as foreign begins a line.
 */
export function parseScript(message: string): Turn[] {
  const turns: Turn[] = [];
  let turn: Directive[] = [];
  const script = message.replace(FENCED, (foreign) => foreign.replace(/\s+/g, ' '));
  for (const line of script.split(/\r?\n/)) {
    if (line.trim() === '---') {
      turns.push(turn);
      turn = [];
      continue;
    }
    const directive = parseLine(line);
    if (directive) turn.push(directive);
  }
  if (turn.length > 0) turns.push(turn);
  return turns.some((directives) => directives.length > 0) ? turns : [];
}

function parseLine(line: string): Directive | null {
  const [, name, rest = ''] = /^\s*([a-z]+)(?:\s(.*))?$/s.exec(line) ?? [];
  switch (name) {
    case 'say':
    case 'think':
      return rest.trim() === '' ? null : { kind: name, text: rest };
    case 'stream':
      return parseStream(rest);
    case 'call':
      return parseCall(rest);
    case 'fail':
      return parseFail(rest);
    case 'hang':
      return rest.trim() === '' ? { kind: 'hang' } : null;
    case 'finish':
      return parseFinish(rest.trim());
    case 'usage':
      return parseUsage(rest);
    default:
      return null;
  }
}

function parseStream(rest: string): Directive | null {
  const [, words, everyMs] = /^\s*(\d{1,9})\s+(\d{1,9})\s*$/.exec(rest) ?? [];
  return words && everyMs ? { kind: 'stream', words: Number(words), everyMs: Number(everyMs) } : null;
}

/** The input stays as it was written: a malformed one must reach the server as a real model's would. */
function parseCall(rest: string): Directive | null {
  const [, tool, input = ''] = /^\s*(\S+)(?:\s+(.*))?$/s.exec(rest) ?? [];
  return tool ? { kind: 'call', tool, input: input.trim() || '{}' } : null;
}

function parseFail(rest: string): Directive | null {
  const [, failure = '', times] = /^\s*(\S+)(?:\s+(\d{1,9}))?\s*$/.exec(rest) ?? [];
  if (!failures.includes(failure)) return null;
  return { kind: 'fail', failure: failure as Failure, times: times ? Number(times) : Infinity };
}

function parseFinish(word: string): Directive | null {
  const reason = finishReasons.find((known) => known === word);
  return reason ? { kind: 'finish', reason } : null;
}

function parseUsage(rest: string): Directive | null {
  const [, input, output] = /^\s*(\d{1,12})\s+(\d{1,12})\s*$/.exec(rest) ?? [];
  return input && output ? { kind: 'usage', input: Number(input), output: Number(output) } : null;
}
