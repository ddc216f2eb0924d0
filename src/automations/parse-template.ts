import Mustache, { type TemplateSpans } from 'mustache';

/** What a template may show. */
export const TEMPLATE_ROOTS: readonly string[] = ['payload', 'scheduledFor', 'automation'];

/** Characters that a template may have. */
export const LONGEST_TEMPLATE = 32_768;
/** A longer one would take the parser seconds. */
const LONGEST_TAG = 1000;
const DEEPEST_SECTION = 10;
const LONGEST_PATH = 32;

/** A piece of a parsed template. `at`: where it stands, as line and column. */
export type TemplateNode =
  | { kind: 'text'; text: string }
  /** An empty path is the item of the section around it, `{{.}}`. */
  | { kind: 'value'; path: readonly string[]; at: string }
  | { kind: 'section' | 'inverted'; path: readonly string[]; at: string; nodes: readonly TemplateNode[] };

export type ParsedTemplate = { nodes: readonly TemplateNode[]; faults?: never } | { faults: string[] };

/**
 * Parses a Mustache template, and says all that is wrong with it when it is saved, so that it is not first found out
 * at night. Partials and other delimiters are refused: a template is one text, and does nothing but show values.
 */
export function parseTemplate(template: string): ParsedTemplate {
  if (template.length > LONGEST_TEMPLATE)
    return { faults: [`must have at most ${LONGEST_TEMPLATE} characters`] };
  const faults: string[] = [];
  const nodes = toNodes(spansOf(template, faults), { template, faults, depth: 0 });
  return faults.length === 0 ? { nodes } : { faults };
}

function spansOf(template: string, faults: string[]): TemplateSpans {
  if (hasLongTag(template)) {
    faults.push(`has a tag of more than ${LONGEST_TAG} characters`);
    return [];
  }
  try {
    // A writer of its own: the shared one keeps every template that it has ever seen.
    return new Mustache.Writer().parse(template) as TemplateSpans;
  } catch (error) {
    faults.push(`is no Mustache template: ${(error as Error).message}`);
    return [];
  }
}

function hasLongTag(template: string): boolean {
  for (let start = template.indexOf('{{'); start !== -1; start = template.indexOf('{{', start + 1)) {
    const end = template.indexOf('}}', start);
    if ((end === -1 ? template.length : end) - start > LONGEST_TAG) return true;
  }
  return false;
}

interface Reading {
  template: string;
  faults: string[];
  depth: number;
}

function toNodes(spans: TemplateSpans, reading: Reading): TemplateNode[] {
  return spans.flatMap((span) => toNode(span, reading) ?? []);
}

function toNode(span: TemplateSpans[number], reading: Reading): TemplateNode | undefined {
  const [type, text, start] = span;
  const at = position(reading.template, start);
  const refuse = (fault: string) => void reading.faults.push(`${fault} (${at})`);
  switch (type) {
    case 'text':
      return { kind: 'text', text };
    case '!':
      return undefined;
    case '>':
      return refuse('has a partial, and there are none');
    case '=':
      return refuse('changes the delimiters, which cannot be done');
    case 'name':
    case '&':
      return { kind: 'value', path: toPath(text, reading, refuse), at };
    case '#':
    case '^': {
      const path = toPath(text, reading, refuse);
      if (reading.depth === DEEPEST_SECTION)
        return refuse(`has more than ${DEEPEST_SECTION} sections in each other`);
      const nodes = toNodes(span[4] as TemplateSpans, { ...reading, depth: reading.depth + 1 });
      return { kind: type === '#' ? 'section' : 'inverted', path, at, nodes };
    }
  }
}

/** Inside of a section a name may be one of its item's, which nobody knows yet. */
function toPath(name: string, { depth }: Reading, refuse: (fault: string) => void): string[] {
  if (name === '.' && depth > 0) return [];
  const path = name.split('.');
  if (path.some((segment) => segment === '')) refuse(`has a tag without a name: {{${name}}}`);
  else if (path.length > LONGEST_PATH) refuse(`has a name of more than ${LONGEST_PATH} steps`);
  else if (depth === 0 && !TEMPLATE_ROOTS.includes(path[0] as string)) {
    refuse(`asks for ${name}: there are only ${TEMPLATE_ROOTS.join(', ')}`);
  }
  return path;
}

function position(template: string, index: number): string {
  const before = template.slice(0, index).split('\n');
  return `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
}
