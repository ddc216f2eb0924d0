import type { Stage } from './stage.ts';

export interface Asked {
  readonly status: number;
  readonly body: unknown;
}

/** Asks the server, and shows the request as a line that anybody can repeat in a shell. */
export async function curl({ screen, server, end }: Stage, path: string, body?: object): Promise<Asked> {
  const url = `${server.url}${path}`;
  screen.line(`$ ${curlLine(url, body)}`, 'bold');
  const request =
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(url, { ...request, signal: end.signal });
  return { status: response.status, body: await response.json() };
}

/** As `curl`, for what must be answered with this status. */
export async function curlFor<T>(stage: Stage, status: number, path: string, body?: object): Promise<T> {
  const asked = await curl(stage, path, body);
  if (asked.status !== status) throw new Error(`${path}: ${asked.status} ${JSON.stringify(asked.body)}`);
  return asked.body as T;
}

function curlLine(url: string, body: object | undefined): string {
  const data =
    body === undefined ? '' : ` -H 'content-type: application/json' -d ${quoted(JSON.stringify(body))}`;
  return `curl -s ${quoted(url)}${data}`;
}

/** In single quotes, where a shell leaves everything as it is. */
function quoted(text: string): string {
  return /^[\w:/.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
