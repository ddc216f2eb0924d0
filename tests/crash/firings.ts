import type pg from 'pg';
import { waitFor } from '../support/wait-for.ts';

interface Stored {
  key: string;
  status: string;
  reason: string | null;
  count: number;
  executions: number;
  completed: number;
}

/** The firings of an automation, by due time, with how many executions each has. */
export async function readFirings(sql: pg.Client, automationId: string): Promise<Stored[]> {
  const { rows } = await sql.query<Stored>(
    `SELECT f.key, f.status, f.reason, f.count, count(e.id)::int AS executions,
       (count(*) FILTER (WHERE e.status = 'completed' AND e.accounted_at IS NOT NULL))::int AS completed
     FROM outlast.firings f LEFT JOIN outlast.workflow_executions e ON e.firing_id = f.id
     WHERE f.automation_id = $1 GROUP BY f.id ORDER BY f.scheduled_for`,
    [automationId],
  );
  return rows;
}

/** Waits until what was fired has run and its places are free again. */
export async function firingsSettled(sql: pg.Client, automationId: string): Promise<Stored[]> {
  const isSettled = ({ status, completed }: Stored) => status !== 'fired' || completed === 1;
  return waitFor(
    async () => {
      const firings = await readFirings(sql, automationId);
      return firings.every(isSettled) ? firings : undefined;
    },
    { deadlineMs: 60_000, describe: 'everything that was fired to complete' },
  );
}

/** What an every-second schedule must never have: a due time twice, none, or an execution too many. */
export function faultsOf(firings: readonly Stored[]): string[] {
  const times = firings.flatMap(({ key, count }) =>
    Array.from({ length: count }, (_, i) => Date.parse(key) + i * 1000),
  );
  const gaps = times.filter((time, i) => time !== Number(times[0]) + i * 1000);
  const wrong = firings.filter(({ status, executions }) => executions !== (status === 'fired' ? 1 : 0));
  return [
    ...gaps.slice(0, 1).map((time) => `${new Date(time).toISOString()} is not the next due time`),
    ...wrong.map(({ key, status, executions }) => `${key} is ${status} with ${executions} executions`),
  ];
}
