import { z } from 'zod';
import { giveToken, type TokenRequest, type TokenTarget } from '../../auth/give-token.ts';
import { TOKEN_SCOPES } from '../../auth/token-scopes.ts';
import { transaction } from '../../db/database.ts';
import { FROZEN_OWNER_PATIENCE_MS, whilePatient } from '../../db/retry.ts';
import { threadIdSchema } from '../../threads/view.ts';
import { type Answer, json } from '../answer.ts';
import type { HttpDeps } from '../deps.ts';
import { uuid } from '../query-fields.ts';
import { type AnswerDescription, type Call, type Route, route } from '../route.ts';

const DAY_S = 86_400;

const LIFE = `must be a whole number from 1 to ${DAY_S}`;
const ttlSeconds = z
  .int(LIFE)
  .min(1, LIFE)
  .max(DAY_S, LIFE)
  .default(600)
  .meta({ description: 'It ends earlier with the key or the token that it was asked for with.' });

/** `write` is for threads. */
const EXECUTION_SCOPES = ['read', 'decide', 'cancel'] as const satisfies readonly TokenRequest['scope'][];
const executionScope = z.enum(EXECUTION_SCOPES, { error: `must be one of ${EXECUTION_SCOPES.join(', ')}` });
const threadScope = z.enum(TOKEN_SCOPES, { error: `must be one of ${TOKEN_SCOPES.join(', ')}` });

const given: Record<number, AnswerDescription> = {
  201: {
    description: 'The token, which cannot be had again.',
    content: { 'application/json': z.object({ token: z.string(), expiresAt: z.iso.datetime() }) },
  },
};

const description =
  'For a browser: it is shown as a bearer, and to what is read also as `?token=`. One may give away what one may do ' +
  'oneself. Each request makes a token of its own, whatever its `Idempotency-Key`: no answer with a secret is kept.';

const forExecution = route({
  method: 'post',
  path: '/executions/{id}/tokens',
  scope: 'executions:read',
  operationId: 'createExecutionToken',
  summary: 'Make a token for one execution',
  description,
  tag: 'Executions',
  params: z.object({ id: uuid }),
  body: z.strictObject({ scope: executionScope, ttlSeconds }),
  answers: given,
  handle: (call, deps) => give(call, deps, { executionId: call.params.id }),
});

const forThread = route({
  method: 'post',
  path: '/threads/{id}/tokens',
  scope: 'executions:read',
  operationId: 'createThreadToken',
  summary: 'Make a token for one thread',
  description,
  tag: 'Threads',
  params: z.object({ id: threadIdSchema }),
  body: z.strictObject({ scope: threadScope, ttlSeconds }),
  answers: given,
  handle: (call, deps) => give(call, deps, { threadId: call.params.id }),
});

/** One whose commit was not heard of leaves a token that nobody has, and that ends by itself. */
async function give(
  call: Call<unknown, unknown, unknown, TokenRequest>,
  { db }: HttpDeps,
  target: TokenTarget,
): Promise<Answer> {
  const { token, expiresAt } = await whilePatient(FROZEN_OWNER_PATIENCE_MS, () =>
    transaction(db, (tx) => giveToken(tx, call, target, call.body)),
  );
  return json({ token, expiresAt: expiresAt.toISOString() }, 201);
}

export const tokenRoutes: Route[] = [forExecution, forThread];
