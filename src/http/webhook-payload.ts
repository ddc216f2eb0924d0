import { Problem } from '../problems/problem.ts';
import { isTooDeep } from './json-content.ts';

/**
 * What a webhook says: JSON, or the fields of a form as texts, as Slack sends its commands. Nothing is null.
 * @throws Problem malformed-json, unsupported-media-type
 */
export function readPayload(contentType: string | undefined, bytes: Buffer): unknown {
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/x-www-form-urlencoded') return readForm(decode(bytes));
  if (type !== undefined && !/^application\/(?:[\w.-]+\+)?json$/.test(type)) {
    throw new Problem(
      'unsupported-media-type',
      'Send JSON, or a form with application/x-www-form-urlencoded',
    );
  }
  return bytes.length === 0 ? null : readJson(decode(bytes));
}

function readJson(text: string): unknown {
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch (error) {
    throw new Problem('malformed-json', 'The body is not valid JSON', { cause: error });
  }
  if (isTooDeep(payload)) throw new Problem('malformed-json', 'The body is nested too deep');
  return payload;
}

/** A name that comes several times has a list of texts. */
function readForm(text: string): Record<string, string | string[]> {
  const fields = new Map<string, string | string[]>();
  for (const [name, value] of new URLSearchParams(text)) {
    const before = fields.get(name);
    if (Array.isArray(before)) before.push(value);
    else fields.set(name, before === undefined ? value : [before, value]);
  }
  return Object.fromEntries(fields);
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Problem('malformed-json', 'The body is not in UTF-8', { cause: error });
  }
}
