import type { Fault } from '../problems/problem.ts';
import { InputPage } from './input-page.ts';
import { parseTemplate, type TemplateNode } from './parse-template.ts';

/** What the template of an automation's input shows; all but the payload is ours. */
export interface InputView {
  /** JSON from outside, no deeper than a body may be. */
  payload: unknown;
  /** ISO 8601 */
  scheduledFor: string;
  automation: { id: string; name: string };
}

export type RenderedInput = { text: string; faults?: never } | { text?: never; faults: readonly Fault[] };

/** Makes the message that the agent gets, or says why it cannot be made. */
export type RenderInput = (template: string, view: InputView) => RenderedInput;

/** Renders inputs of at most so many characters. */
export function inputRenderer(limit: number): RenderInput {
  return (template, view) => renderInput(template, view, limit);
}

/**
 * The input of an execution from its automation's template. Texts, lists and objects of the payload are fenced, each
 * where it is inserted; a number or a boolean cannot say anything. A value that is not there is a fault, with its
 * pointer; one that is null is empty. A section is there for what may be missing: without a value it is left out.
 * @param limit characters that the input may have
 */
export function renderInput(template: string, view: InputView, limit: number): RenderedInput {
  const parsed = parseTemplate(template);
  if (parsed.faults !== undefined) {
    return { faults: parsed.faults.map((message) => ({ pointer: '/input', message })) };
  }
  const page = new InputPage(limit);
  const root: Found = { value: { ...view }, pointer: '', isForeign: false };
  writeNodes(page, parsed.nodes, [root]);
  return page.end();
}

/** A value, and where it came from. */
interface Found {
  value: unknown;
  pointer: string;
  isForeign: boolean;
}

/** The sections around a tag, the innermost last. */
type Frames = readonly [Found, ...Found[]];

function writeNodes(page: InputPage, nodes: readonly TemplateNode[], frames: Frames): void {
  for (const node of nodes) {
    if (page.isFull) return;
    if (node.kind === 'text') page.write(node.text);
    else if (node.kind === 'value') writeValue(page, node, frames);
    else writeSection(page, node, frames);
  }
}

function writeValue(page: InputPage, { path, at }: TemplateNode & { kind: 'value' }, frames: Frames): void {
  const found = find(path, frames);
  if (found.value === undefined) return page.miss(found.pointer, at);
  const text = toText(found.value);
  if (found.isForeign && (typeof found.value === 'string' || isContainer(found.value)))
    page.writeFenced(text);
  else page.write(text);
}

function writeSection(
  page: InputPage,
  { kind, path, nodes }: TemplateNode & { kind: 'section' | 'inverted' },
  frames: Frames,
): void {
  const items = itemsOf(find(path, frames));
  if (kind === 'inverted') {
    if (items.next().done === true) writeNodes(page, nodes, frames);
    return;
  }
  for (const item of items) {
    if (page.isFull) return;
    page.write('');
    writeNodes(page, nodes, [...frames, item]);
  }
}

/** What a section is written for: each item of a list, or the value; nothing for what Mustache counts as false. */
function* itemsOf({ value, pointer, isForeign }: Found): Generator<Found, undefined> {
  const items = Array.isArray(value) ? (value as unknown[]).entries() : undefined;
  if (items === undefined && value) yield { value, pointer, isForeign };
  // One after the other: a list within a long list is not to be copied for each of its items.
  for (const [index, item] of items ?? []) yield { value: item, pointer: `${pointer}/${index}`, isForeign };
}

/** As Mustache does: the first name is looked for from the innermost section outwards, the others in what it is. */
function find(path: readonly string[], frames: Frames): Found {
  const [name, ...rest] = path;
  const innermost = frames.at(-1) ?? frames[0];
  if (name === undefined) return innermost;
  const base = frames.findLast(({ value }) => isContainer(value) && Object.hasOwn(value, name)) ?? innermost;
  return rest.reduce(step, step(base, name));
}

/** Only what the value has itself: a name such as `constructor` leads nowhere. */
function step({ value, pointer, isForeign }: Found, name: string): Found {
  const isThere = isContainer(value) && Object.hasOwn(value, name);
  return {
    value: isThere ? (value as Record<string, unknown>)[name] : undefined,
    pointer: `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    isForeign: isForeign || (pointer === '' && name === 'payload'),
  };
}

/** As JSON, but for a text: that stands there as it is. */
function toText(value: unknown): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
