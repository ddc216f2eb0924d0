import { isDeepStrictEqual } from 'node:util';

/** Whether a payload has all that is asked for: objects by their keys, all else as equal JSON. */
export function matches(asked: unknown, payload: unknown): boolean {
  if (!isObject(asked)) return isDeepStrictEqual(asked, payload);
  if (!isObject(payload)) return false;
  return Object.entries(asked).every(
    ([key, value]) => Object.hasOwn(payload, key) && matches(value, payload[key]),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
