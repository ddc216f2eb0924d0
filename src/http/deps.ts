import type { Logger } from 'pino';
import type { AgentCatalog } from '../agents/load-agents.ts';
import type { ModelRegistry } from '../agents/model-registry.ts';
import type { ApprovalWatch } from '../approvals/approval-watch.ts';
import type { PageOrigins } from '../apps/page-origins.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { RenderInput } from '../automations/render-input.ts';
import type { RecentRows } from '../chunks/recent-rows.ts';
import type { LogRow } from '../chunks/row.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/database.ts';
import type { Dispatch } from '../executions/dispatch.ts';
import type { DiscardSegments, Segment } from '../executions/hand-over.ts';
import type { RequestLimits } from '../limits/request-limits.ts';
import type { Metrics } from '../metrics/create-metrics.ts';
import type { Notify } from '../notifications/notify.ts';
import type { SendOutbound } from '../outbound/request.ts';
import type { EncryptionKeys } from '../secrets/encryption-keys.ts';
import type { ThreadNews } from '../threads/thread-news.ts';

/** What the routes work on. */
export interface HttpDeps {
  readonly config: Config;
  readonly auth: Pick<Authenticator, 'isOpen' | 'authenticate' | 'hold'>;
  readonly limits: Pick<RequestLimits, 'takeRequest' | 'takeFrom' | 'takeStream'>;
  readonly pageOrigins: Pick<PageOrigins, 'include'>;
  /** To a handler that of the caller's tenant; on public routes, where there is no caller, that of all. */
  readonly db: Database;
  /** The database as a tenant's: nothing of others can be seen or written in it. */
  databaseOf(tenantId: string): Database;
  readonly recentRows: RecentRows;
  readonly approvalWatch: Pick<ApprovalWatch, 'follow'>;
  readonly threadNews: ThreadNews;
  readonly agents: AgentCatalog;
  readonly models: ModelRegistry;
  readonly dispatch: Dispatch;
  readonly discard: DiscardSegments;
  /** Undefined when nobody wants to be told. */
  readonly notify: Notify | undefined;
  /** What secrets are sealed with; undefined where no key is configured. */
  readonly encryptionKeys: EncryptionKeys | undefined;
  /** Makes what an automation tells its agent. */
  readonly renderInput: RenderInput;
  /** Fetches the files of messages. */
  readonly outbound: SendOutbound;
  /** Tells readers, here and in other processes, of committed rows; without rows, of another change. */
  publish(executionNo: number, rows: readonly LogRow[]): void;
  /** Ends what this process does for a segment, if it runs it. */
  abandon(segment: Segment, reason: Error): void;
  /** Each thing that the server depends on: `ok`, or what is wrong with it. */
  readiness(): Promise<Record<string, string>>;
  /** True from the signal to stop on: no new work is taken. */
  isDraining(): boolean;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'contentType' | 'scrape' | 'executions' | 'automations'>;
  readonly version: { readonly version: string; readonly node: string; readonly applicationVersion: string };
  /** Milliseconds that the files of a message may take to come. Default: 10000. */
  readonly fileTimeoutMs?: number;
  /** Milliseconds without a row after which a stream sends a sign of life. Default: 10000. */
  readonly keepAliveMs?: number;
  /** Milliseconds without news after which a stream looks at the table by itself. Default: 10000. */
  readonly pollMs?: number;
}
