import { and, eq, inArray, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { accessTokens, apiKeys, apps } from '../db/schema.ts';
import type { Only } from '../db/scope.ts';
import { type Access, everyAccess } from './access.ts';
import { isAccessToken } from './access-token.ts';
import { isActiveKey } from './api-keys.ts';
import { hashSecret } from './hash-secret.ts';
import type { PageApp, Principal } from './principal.ts';
import { ACCESS_OF, type TokenScope } from './token-scopes.ts';

type Row = typeof accessTokens.$inferSelect;

/** A token that is still good, with what there is to know of its app. */
interface Found {
  row: Row;
  app: PageApp | null;
}

/** What a visitor may do, with what is their own. */
const OF_SESSIONS: readonly Access[] = ['executions:write', 'approvals:decide'];

/** The tokens of the database. Nothing is remembered of them: one that is gone, is gone for the next request. */
export class AccessTokens {
  readonly #db: Executor;

  constructor(db: Executor) {
    this.#db = db;
  }

  /**
   * Who shows this token; undefined when it is none, has expired, or it or the key that it was made with was revoked,
   * or its app disabled.
   */
  async find(token: string): Promise<Principal | undefined> {
    if (!isAccessToken(token)) return undefined;
    const [found] = await this.#selectActive(eq(accessTokens.hash, hashSecret(token)));
    return found && principalOf(found);
  }

  /** Those of these tokens that are still good, by the database of this moment. */
  async findActive(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const found = await this.#selectActive(inArray(accessTokens.id, [...ids]));
    return new Set(found.map(({ row }) => row.id));
  }

  #selectActive(which: SQL): Promise<Found[]> {
    const isUnexpired = sql`${accessTokens.expiresAt} > clock_timestamp()`;
    return this.#db
      .select({
        row: accessTokens,
        app: { allowedOrigins: apps.allowedOrigins, agentIds: apps.agentIds },
      })
      .from(accessTokens)
      .leftJoin(apiKeys, eq(apiKeys.id, accessTokens.apiKeyId))
      .leftJoin(apps, eq(apps.id, accessTokens.appId))
      .where(
        and(
          which,
          isNull(accessTokens.revokedAt),
          isUnexpired,
          or(isNull(accessTokens.apiKeyId), isActiveKey()),
          isNull(apps.disabledAt),
        ),
      );
  }
}

function principalOf({ row, app }: Found): Principal {
  const { id, tenantId, ownerId, madeBy } = row;
  if (app !== null) {
    const via = row.appId as string;
    return { kind: 'session', id, tenantId, ownerId, via, scopes: everyAccess(OF_SESSIONS), roles: [], app };
  }
  // A CHECK says that a token of this kind has one.
  const scope = row.scope as TokenScope;
  return {
    kind: 'token',
    id,
    tenantId,
    ownerId,
    scopes: everyAccess(ACCESS_OF[scope]),
    // Approvers who are meant by a role have to come themselves.
    roles: [],
    grant: { scope, only: onlyOf(row), madeBy },
  };
}

function onlyOf({ threadNo, executionId }: Row): Only {
  return threadNo === null ? { executionId: executionId as string } : { threadNo };
}
