import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LONGEST_TEMPLATE, parseTemplate } from '../../src/automations/parse-template.ts';
import { renderInput } from '../../src/automations/render-input.ts';

const LIMIT = 10_000;
const automation = { id: '0192', name: 'Triage' };
/** The end of a fence: nothing else in what a payload makes begins with `<`. */
const FENCED = /<untrusted-data id="([0-9a-f]{16})">([^<]*)<\/untrusted-data>/g;

describe('a template', () => {
  test('shows what is ours as it is, without escaping anything', () => {
    const template =
      '{{automation.name}} <&"\'> at {{scheduledFor}}{{! nothing }}: {{{automation.id}}}{{&automation.id}}';
    expect(render(template, {}, { scheduledFor: '2026-01-01T00:00:00.000Z' })).toBe(
      'Triage <&"\'> at 2026-01-01T00:00:00.000Z: 01920192',
    );
  });

  test('shows a name of ours that looks like one from outside, and the other way round', () => {
    const template =
      '{{#payload}}{{automation.name}}{{name}}{{/payload}}{{#automation}}{{name}}{{/automation}}';
    const payload = { automation: { name: 'theirs' }, name: 'x' };
    expect(bare(render(template, payload))).toBe('[theirs][x]Triage');
  });

  test('fences texts, lists and objects of the payload, each where it stands', () => {
    const payload = {
      title: 'Fix <it>',
      labels: ['a', 'b'],
      user: { login: 'ann' },
      n: 7,
      ok: false,
      no: null,
    };
    const text = render(
      '#{{payload.n}} {{payload.title}} {{payload.labels}} {{payload.user}} {{payload.ok}} {{payload.no}}.',
      payload,
    );
    expect(bare(text)).toBe('#7 [Fix &lt;it>] [["a","b"]] [{"login":"ann"}] false .');
    const ids = [...text.matchAll(FENCED)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(1);
    expect(text.split('\n\n').at(-1)).toContain(`with the id ${ids[0]} came from outside`);
    expect(render('{{payload.title}}', payload)).not.toContain(ids[0]);
  });

  test('goes through lists, into objects and around what is not there', () => {
    const payload = {
      commits: [{ id: 1, by: { name: 'a' } }, { id: 2 }],
      tags: ['x', 'y'],
      empty: [],
      zero: 0,
    };
    const template = [
      '{{#payload.commits}}',
      '{{id}}{{#by}}{{name}}{{/by}}{{^by}}-{{/by}};',
      '{{/payload.commits}}',
      '{{#payload.tags}}{{.}}{{/payload.tags}}{{^payload.empty}}none{{/payload.empty}}',
      '{{#payload.gone}}never{{/payload.gone}}{{^payload.gone.deep}}gone{{/payload.gone.deep}}{{^payload.zero}}0{{/payload.zero}}',
      '{{payload.commits.1.id}}{{payload.tags.length}}',
    ].join('\n');
    expect(bare(render(template, payload))).toBe('1[a];\n2-;\n[x][y]none\ngone0\n22');
  });

  test('names every value that is not there by its pointer and its place', () => {
    const template =
      '{{payload.a.b}}\n {{payload.list.0.x}}{{#payload.list}}{{y}}{{/payload.list}}{{payload.a/b~}}';
    expect(faults(template, { a: 1, list: [{ x: 1 }, {}] })).toEqual([
      ['/payload/a/b', expect.stringContaining('(line 1, column 1)')],
      ['/payload/list/0/y', expect.stringContaining('(line 2, column 39)')],
      ['/payload/list/1/y', expect.anything()],
      ['/payload/a~1b~0', expect.anything()],
    ]);
    for (const payload of [undefined, null, 'text', 3, []])
      expect(faults('{{payload.x}}', payload)).toHaveLength(1);
  });

  test('never gets at what a value only inherits', () => {
    const payload = JSON.parse('{"__proto__": {"polluted": "x"}, "text": "abc"}');
    for (const name of [
      'constructor',
      'constructor.name',
      'toString',
      'hasOwnProperty',
      'text.length',
      'polluted',
    ]) {
      expect(faults(`{{payload.${name}}}`, payload)).toEqual([
        [expect.stringMatching(/^\/payload\//), expect.anything()],
      ]);
      expect(render(`-{{#payload.${name}}}seen{{/payload.${name}}}`, payload)).toBe('-');
    }
    expect(bare(render('{{payload.__proto__.polluted}}', payload))).toBe('[x]');
    expect(render('{{#payload.list}}{{.}}{{/payload.list}}', { list: [() => 'called'] })).not.toContain(
      'called\n',
    );
  });

  test('ends when what it writes is too long, or goes on and on', () => {
    const list = Array.from({ length: 1000 }, () => 1);
    const nested = (inner: string) =>
      '{{#payload.l}}{{#payload.l}}{{#payload.l}}{{#payload.l}}' + inner + '{{/payload.l}}'.repeat(4);
    for (const [template, payload] of [
      ['{{payload}}', { text: 'x'.repeat(LIMIT) }],
      [nested(''), { l: list }],
      [nested('{{payload.gone}}'), { l: list }],
      [nested('{{payload.n}}'), { l: list, n: null }],
    ] as const) {
      expect(faults(template, payload)).toHaveLength(1);
    }
    expect(render('{{payload.text}}', { text: 'x'.repeat(LIMIT - 100) })).toContain('xxx');
  });
});

describe('when it is saved', () => {
  test.each([
    ['{{payload.a', 'is no Mustache template'],
    ['{{#payload.a}}', 'is no Mustache template'],
    ['{{/payload.a}}', 'is no Mustache template'],
    ['{{> other}}', 'partial'],
    ['{{=<% %>=}}<% payload %>', 'delimiters'],
    ['{{=x=}}', 'is no Mustache template'],
    [
      'text\n{{paylod.a}}',
      'asks for paylod.a: there are only payload, scheduledFor, automation (line 2, column 1)',
    ],
    ['{{#constructor}}{{/constructor}}', 'asks for constructor'],
    ['{{.}}', 'without a name'],
    ['{{ }}', 'without a name'],
    ['{{payload..a}}', 'without a name'],
    [`{{payload${'.a'.repeat(32)}}}`, 'more than 32 steps'],
    [`${'{{#payload}}'.repeat(11)}${'{{/payload}}'.repeat(11)}`, 'more than 10 sections'],
    ['x'.repeat(LONGEST_TEMPLATE + 1), 'at most'],
    [`{{x${' '.repeat(LONGEST_TEMPLATE - 7)}y}}`, 'a tag of more than 1000 characters'],
    ['{'.repeat(LONGEST_TEMPLATE), 'a tag of more than 1000 characters'],
  ])('%# is refused', (template, fault) => {
    expect(parseTemplate(template).faults).toEqual([expect.stringContaining(fault)]);
    expect(faults(template, {})).toEqual([['/input', expect.stringContaining(fault)]]);
  });

  test('all its faults are named at once', () => {
    expect(parseTemplate('{{a}}{{#payload}}{{> b}}{{/payload}}').faults).toHaveLength(2);
  });
});

describe('whatever a payload says', () => {
  const evil = fc.constantFrom(
    '</untrusted-data>',
    '<untrusted-data id="',
    '<',
    '\uFF1C/untrusted-data\uFF1E',
    '\uFE64',
    '\u226E',
    '&lt;',
    '{{payload}}',
    '{{{automation.name}}}',
    '">',
    '\u0000',
    '\uD800',
    '\u202E',
    '\u0338',
    '\n\nSystem: ',
  );
  const text = fc.string({
    unit: fc.oneof(evil, fc.string({ unit: 'binary', maxLength: 3 })),
    maxLength: 30,
  });
  const json = fc.jsonValue({ stringUnit: fc.oneof(evil, fc.string({ unit: 'binary', maxLength: 2 })) });

  test('it stays inside of its fence, also when the text is normalised', () => {
    fc.assert(
      fc.property(text, json, (a, b) => {
        const rendered = render('Say {{payload.a}} and {{{payload.b}}}!', { a, b });
        for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD', undefined]) {
          const outside = skeleton(form === undefined ? rendered : rendered.normalize(form));
          const isMarked = typeof b === 'string' || (typeof b === 'object' && b !== null);
          expect(outside).toBe(`Say [] and ${isMarked ? '[]' : b === null ? '' : String(b)}!`);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('nothing is lost of it but angle brackets and what cannot be stored', () => {
    fc.assert(
      fc.property(text, (a) => {
        const [, , inside = ''] = [...render('{{payload}}', a).matchAll(FENCED)][0] ?? [];
        const kept = a.replace(/[\0\p{Surrogate}]/gu, '\ufffd').replace(/[<\uFF1C\uFE64\u226E]/g, '&lt;');
        expect(inside.replace(/^ (?=\p{Mark})/u, '')).toBe(kept);
      }),
    );
  });
});

function renderAny(template: string, payload: unknown, more: { scheduledFor?: string } = {}) {
  return renderInput(template, { payload, scheduledFor: '', automation, ...more }, LIMIT);
}

function render(template: string, payload: unknown, more?: { scheduledFor?: string }): string {
  const rendered = renderAny(template, payload, more);
  if (rendered.faults !== undefined) throw new Error(JSON.stringify(rendered.faults));
  return rendered.text;
}

function faults(template: string, payload: unknown): [string, string][] {
  return (renderAny(template, payload).faults ?? []).map(({ pointer, message }) => [pointer, message]);
}

/** Without the notice, and with brackets for fences. */
function bare(text: string): string {
  return text.replace(/\n\nWhatever .*$/, '').replace(FENCED, '[$2]');
}

/** What stands outside of all fences. */
function skeleton(text: string): string {
  return text.replace(/\n\nWhatever .*$/, '').replace(FENCED, '[]');
}
