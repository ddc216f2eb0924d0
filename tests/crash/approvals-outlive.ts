import { expect } from '@jest/globals';
import { readEffects } from '../../chaos/verify/effects.ts';
import { waitFor } from '../support/wait-for.ts';
import { type ApprovalKill } from './approvals-kill-table.ts';
import type { Office } from './approvals-office.ts';
import { AskedExecution } from './approvals-run.ts';
import { STORIES } from './approvals-stories.ts';
import { arm } from './recovery-run.ts';

/** Executions that meet a kill together, each wherever it is by then. */
const TOGETHER = 3;
/** Far more than it takes, so that a busy machine fails nothing. */
const OVER_WITHIN_MS = 30_000;

/** What asks after a call was cut off only. */
const AFTER_CUT = new Set<ApprovalKill['story']>(['retried', 'resolved', 'abandoned']);

/** Makes executions, has a process kill itself at the point, and holds what becomes of them to the story. */
export async function outlive(office: Office, { story, point, victim, since, leavesUnknown }: ApprovalKill) {
  const executions = Array.from({ length: TOGETHER }, () => new AskedExecution(office, story));
  const arming = () => arm(office[victim], point);
  if (since === 'start') await arming();
  await Promise.all(executions.map((execution) => execution.start()));
  if (AFTER_CUT.has(story)) await cutOff(office, executions, since === 'takeover' ? arming : undefined);
  if (since !== 'decision') await office.outlive(victim);
  if (STORIES[story].decision !== undefined) {
    await Promise.all(executions.map((execution) => execution.waits()));
    if (since === 'decision') {
      await arming();
      await Promise.all(executions.map((execution) => execution.decide(victim)));
      await office.outlive(victim);
    }
    // Who has not heard an answer asks again.
    await Promise.all(executions.map((execution) => execution.decide(victim)));
    await Promise.all(executions.map((execution) => execution.expectDecided()));
  }
  await expectEnd(office, executions, leavesUnknown);
}

/** The first call of each ends with its process. */
async function cutOff(
  office: Office,
  executions: readonly AskedExecution[],
  arming: (() => Promise<void>) | undefined,
): Promise<void> {
  const { server } = office;
  await waitFor(
    async () => {
      const effects = await readEffects([{ options: { dataDir: server.dataDir, skewMs: 0 } }]);
      return executions.every(({ id }) => effects.has(id));
    },
    { describe: 'the calls' },
  );
  await server.kill();
  if (arming === undefined) return server.start();
  await arming();
  // It may die before it is ready.
  await server.start().catch(() => undefined);
}

async function expectEnd(
  office: Office,
  executions: readonly AskedExecution[],
  leavesUnknown: true | undefined,
): Promise<void> {
  await waitFor(
    async () => {
      await Promise.all(executions.map((execution, i) => execution.decideRest(i)));
      const ends = await Promise.all(executions.map((execution) => execution.isOver()));
      return ends.every(Boolean);
    },
    { deadlineMs: OVER_WITHIN_MS, describe: () => `the end\n${office.server.log()}` },
  );
  const evidence = await office.evidenceOf(executions.map(({ id }) => id));
  for (const execution of executions) {
    const stored = evidence.find(({ id }) => id === execution.id);
    expect(stored).toBeDefined();
    if (stored !== undefined) await execution.expectTold(stored);
  }
  if (leavesUnknown) {
    const isUnknown = evidence.some(({ asked }) =>
      asked.slice(1).some(({ kind }) => kind === 'unknown-outcome'),
    );
    expect(isUnknown).toBe(true);
  }
}
