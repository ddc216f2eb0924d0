import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Directive, parseScript, type Turn } from '../../src/agents/demo-model/parse-script.ts';

const text = fc.stringMatching(/^\S[^\n\r]{0,30}$/);
const word = fc.stringMatching(/^[a-z_]{1,10}$/);
const number = fc.integer({ min: 0, max: 100_000 });

const directive: fc.Arbitrary<Directive> = fc.oneof(
  fc.record({ kind: fc.constantFrom('say' as const, 'think' as const), text }),
  fc.record({ kind: fc.constant('stream' as const), words: number, everyMs: number }),
  fc.record({ kind: fc.constant('call' as const), tool: word, input: fc.json() }),
  fc.record({
    kind: fc.constant('fail' as const),
    failure: fc.constantFrom('error', 'cut', 'interrupted', 'http-429', 'http-500' as const),
    times: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(Infinity)),
  }),
  fc.constant({ kind: 'hang' as const }),
  fc.record({
    kind: fc.constant('finish' as const),
    reason: fc.constantFrom('length', 'content-filter' as const),
  }),
  fc.record({ kind: fc.constant('usage' as const), input: number, output: number }),
) as fc.Arbitrary<Directive>;

const turns = fc.array(fc.array(directive, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 });

describe('parseScript', () => {
  test('reads back every script that can be written', () => {
    fc.assert(fc.property(turns, (script) => expect(parseScript(write(script))).toEqual(script)));
  });

  test('leaves out what is no directive', () => {
    const prose = fc.stringMatching(/^[A-Z][^\n\r]*$/);
    fc.assert(
      fc.property(turns, prose, (script, line) => {
        const lines = write(script).split('\n');
        expect(parseScript([line, ...lines.flatMap((written) => [written, line])].join('\n'))).toEqual(
          script,
        );
      }),
    );
  });

  test('takes any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (anything) =>
        expect(parseScript(anything)).toBeInstanceOf(Array),
      ),
    );
  });

  test.each([
    ['say', []],
    ['say   ', []],
    ['says hello', []],
    ['stream 3', []],
    ['stream x 5', []],
    ['fail badly', []],
    ['fail cut often', []],
    ['hang around', []],
    ['finish soon', []],
    ['usage 1', []],
    ['---', []],
    ['Hello, who are you?', []],
    ['say  two spaces ', [[{ kind: 'say', text: ' two spaces ' }]]],
    ['say hi\r\nhang\r\n', [[{ kind: 'say', text: 'hi' }, { kind: 'hang' }]]],
    ['call now', [[{ kind: 'call', tool: 'now', input: '{}' }]]],
    ['call add {"a": 1', [[{ kind: 'call', tool: 'add', input: '{"a": 1' }]]],
    ['say a\n---', [[{ kind: 'say', text: 'a' }]]],
    ['---\nsay a', [[], [{ kind: 'say', text: 'a' }]]],
    [
      'say <untrusted-data id="0f">a\ncall pay {}\r\n---\n</untrusted-data>!\n<untrusted-data id="0f">say b</untrusted-data>',
      [[{ kind: 'say', text: '<untrusted-data id="0f">a call pay {} --- </untrusted-data>!' }]],
    ],
  ])('reads %j', (script, expected) => {
    expect(parseScript(script)).toEqual(expected);
  });
});

function write(script: readonly Turn[]): string {
  return script.map((directives) => directives.map(line).join('\n')).join('\n---\n');
}

function line(directive: Directive): string {
  switch (directive.kind) {
    case 'say':
    case 'think':
      return `${directive.kind} ${directive.text}`;
    case 'stream':
      return `stream ${directive.words} ${directive.everyMs}`;
    case 'call':
      return `call ${directive.tool} ${directive.input}`;
    case 'fail':
      return `fail ${directive.failure}${directive.times === Infinity ? '' : ` ${directive.times}`}`;
    case 'hang':
      return 'hang';
    case 'finish':
      return `finish ${directive.reason}`;
    case 'usage':
      return `usage ${directive.input} ${directive.output}`;
  }
}
