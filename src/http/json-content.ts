/** How deep a body may be nested: what goes deeper would overflow the stack of whoever writes it out again. */
const MAX_DEPTH = 100;

/** True when a parsed JSON document is nested too deep to be worked on. Itself it needs no stack. */
export function isTooDeep(document: unknown): boolean {
  let level = [document].filter(isContainer);
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth === MAX_DEPTH) return true;
    level = level.flatMap((value) => Object.values(value).filter(isContainer));
  }
  return false;
}

/** True when every string in it, keys too, can be stored and compared by Postgres as text. */
export function hasOnlyPlainText(document: unknown): boolean {
  if (typeof document === 'string') return isPlainText(document);
  if (!isContainer(document)) return true;
  return Object.entries(document).every(([key, value]) => isPlainText(key) && hasOnlyPlainText(value));
}

/** True for text without U+0000 and without half a surrogate pair. */
export function isPlainText(text: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(text);
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
