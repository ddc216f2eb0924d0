type Path = readonly (string | number)[];

/** Every place in a document, itself first. */
function placesOf(document: unknown, path: Path = []): Path[] {
  if (typeof document !== 'object' || document === null) return [path];
  const keys = Array.isArray(document) ? [...document.keys()] : Object.keys(document);
  return [
    path,
    ...keys.flatMap((key) => placesOf((document as Record<string | number, unknown>)[key], [...path, key])),
  ];
}

/** The document with another value at one of its places. */
export function replaceIn(document: unknown, at: number, value: unknown): unknown {
  return changeAt(document, choose(placesOf(document), at), () => value);
}

/** The document without what is at one of its places. */
export function removeFrom(document: unknown, at: number): unknown {
  const place = choose(placesOf(document), at);
  const key = place.at(-1);
  if (key === undefined) return undefined;
  return changeAt(document, place.slice(0, -1), (owner) =>
    Array.isArray(owner)
      ? owner.filter((_, i) => i !== key)
      : Object.fromEntries(Object.entries(owner as object).filter(([name]) => name !== key)),
  );
}

/** The document with one more member in one of its objects. */
export function addTo(document: unknown, at: number, key: string, value: unknown): unknown {
  return changeAt(document, choose(placesOf(document), at), (owner) => {
    if (Array.isArray(owner)) return [...(owner as unknown[]), value];
    if (typeof owner !== 'object' || owner === null) return owner;
    return Object.fromEntries([...Object.entries(owner), [key, value]]);
  });
}

function choose(places: readonly Path[], at: number): Path {
  return places[at % places.length] ?? [];
}

function changeAt(document: unknown, [key, ...rest]: Path, change: (value: unknown) => unknown): unknown {
  if (key === undefined) return change(document);
  const inner = (value: unknown) => changeAt(value, rest, change);
  if (Array.isArray(document))
    return document.map((value, i) => (i === key ? inner(value) : (value as unknown)));
  const entries = Object.entries(document as object);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, name === key ? inner(value) : (value as unknown)]),
  );
}
