import { type ApiDocument, operationsOf } from '../../fuzz/document/operations.ts';
import { kindOfPath } from '../../fuzz/world/things.ts';
import { ask } from '../../tests/http/client.ts';

/** One route that leads to a thing, as somebody asks it. */
export interface StrangersRequest {
  name: string;
  method: string;
  /** The path with the id of a thing, or of none. */
  pathTo(id: string): string;
  body: string | undefined;
  /** The owner's thing that it would lead to. */
  foreignId: string;
}

/** What gets a request as far as the thing itself. */
const BODIES: Readonly<Record<string, unknown>> = {
  'POST /executions/{id}/fork': { fromTurn: 1 },
  'POST /executions/{id}/approvals/{toolCallId}': { approved: false },
  'POST /executions/{id}/tokens': { scope: 'read' },
  'POST /threads/{id}/tokens': { scope: 'read' },
  'PATCH /threads/{id}': { title: 'x' },
  'PUT /threads/{id}/messages/{messageId}': { text: 'x' },
  'POST /approvals/{id}/decision': { decision: 'deny' },
  'POST /approvals/{id}/assign': { assignee: 'bob' },
  'PATCH /automations/{id}': { name: 'b' },
  'POST /automations/{id}/fire': {},
};
/** These are about no thing of anybody's, or make the asker's own. */
const LEFT_OUT = new Set(['GET /agents/{id}', 'POST /threads/{id}/messages']);

/**
 * Every route of the server's document that leads to a thing.
 * @param things of the owner, by what their ids are called
 * @throws Error for a route that leads to something else
 */
export async function strangersRequests(
  url: string,
  things: Readonly<Record<string, string>>,
): Promise<StrangersRequest[]> {
  const document = (await ask(url, '/openapi.json')).json() as unknown as ApiDocument;
  const leading = operationsOf(document).filter(
    ({ name, path }) => path.includes('{id}') && !LEFT_OUT.has(name),
  );
  return leading.map(({ name, method, path }) => {
    const foreignId = things[kindOfPath(path, 'id')];
    if (foreignId === undefined) throw new Error(`${name} leads to something that is not made here`);
    const body = BODIES[name];
    const others = (id: string) => (_: string, key: string) => (key === 'id' ? id : (things[key] ?? 'none'));
    return {
      name,
      method,
      foreignId,
      pathTo: (id) => path.replaceAll(/\{(\w+)\}/g, others(id)),
      body: body === undefined ? undefined : JSON.stringify(body),
    };
  });
}
