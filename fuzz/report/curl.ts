import type { ReadyRequest } from '../answers/send-request.ts';

const SHOWN = 1500;

/** The command that sends a request again. */
export function curlOf(url: string, { method, target, headers, body }: ReadyRequest): string {
  const parts = [
    'curl -sS -i --path-as-is --globoff',
    method === 'HEAD' ? '--head' : `-X ${method}`,
    ...headers.map(([name, value]) => `-H ${quote(value === '' ? `${name};` : `${name}: ${value}`)}`),
    ...(body === undefined ? [] : [`--data-binary ${quote(body)}`]),
    quote(`${url}${target}`),
  ];
  const command = parts.join(' ');
  return command.length > SHOWN ? `${command.slice(0, SHOWN)}… (${command.length} characters)` : command;
}

/** Bytes that a terminal would swallow are written as escapes, which bash reads in `$'…'`. */
function quote(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const escaped = text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll("'", String.raw`\'`)
    .replaceAll(/[^\x20-\x7e]/g, (char) =>
      [...Buffer.from(char)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
    );
  return `$'${escaped}'`;
}
