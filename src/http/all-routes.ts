import type { HttpDeps } from './deps.ts';
import { describeApi } from './openapi.ts';
import type { Route } from './route.ts';
import { agentRoutes } from './routes/agents.ts';
import { approvalRoutes } from './routes/approvals.ts';
import { appRoutes } from './routes/apps.ts';
import { auditRoutes } from './routes/audit.ts';
import { automationRoutes } from './routes/automations.ts';
import { cancelRoutes } from './routes/cancel.ts';
import { chatRoutes } from './routes/chat.ts';
import { documentationRoutes } from './routes/documentation.ts';
import { executionLogRoutes } from './routes/execution-log.ts';
import { executionRoutes } from './routes/executions.ts';
import { firingRoutes } from './routes/firings.ts';
import { hookRoutes } from './routes/hooks.ts';
import { inboxRoutes } from './routes/inbox.ts';
import { notificationRoutes } from './routes/notifications.ts';
import { operationRoutes } from './routes/operations.ts';
import { sendMessageRoutes } from './routes/send-message.ts';
import { startRoutes } from './routes/start-execution.ts';
import { threadMessageRoutes } from './routes/thread-messages.ts';
import { threadStreamRoutes } from './routes/thread-stream.ts';
import { threadRoutes } from './routes/threads.ts';
import { tokenRoutes } from './routes/tokens.ts';

/** Every route of the server, with the document that describes them. */
export function allRoutes({ version }: Pick<HttpDeps, 'version'>): Route[] {
  let document: unknown;
  const routes: Route[] = [
    ...agentRoutes,
    ...startRoutes,
    ...cancelRoutes,
    ...executionRoutes,
    ...executionLogRoutes,
    ...threadRoutes,
    ...threadMessageRoutes,
    ...sendMessageRoutes,
    ...threadStreamRoutes,
    ...tokenRoutes,
    ...approvalRoutes,
    ...automationRoutes,
    ...firingRoutes,
    ...hookRoutes,
    ...notificationRoutes,
    ...inboxRoutes,
    ...auditRoutes,
    ...chatRoutes,
    ...appRoutes,
    ...operationRoutes,
    ...documentationRoutes(() => {
      document ??= describeApi(routes, version.version);
      return document;
    }),
  ];
  return routes;
}
