import { checkA1, checkT3 } from '../../chaos/verify/approval-invariants.ts';
import { readEffects } from '../../chaos/verify/effects.ts';
import { readStored, type Stored } from '../../chaos/verify/evidence.ts';
import { checkE1, checkE2 } from '../../chaos/verify/execution-invariants.ts';
import { checkL1, checkL6 } from '../../chaos/verify/log-invariants.ts';
import { checkT1, checkT2 } from '../../chaos/verify/tool-invariants.ts';
import { ask } from '../../tests/http/client.ts';
import type { FuzzServer } from './fuzz-server.ts';

const CHECKS: Readonly<Record<string, (stored: Stored) => string[]>> = {
  L1: checkL1,
  L6: checkL6,
  E1: checkE1,
  E2: checkE2,
  T1: checkT1,
  T2: checkT2,
  T3: checkT3,
  A1: (stored) => checkA1(stored, []),
};
const ERROR_LEVEL = 50;
const AT_ONCE = 500;

/** What is wrong with a server after all that it was asked. */
export async function checkAfter(server: FuzzServer): Promise<string[]> {
  if (!server.isAlive()) return [`the ${server.name} server is dead: ${server.log().slice(-3000)}`];
  return [...(await checkWork(server)), ...checkLog(server), ...(await checkStored(server))].map(
    (fault) => `${server.name}: ${fault}`,
  );
}

async function checkWork({ url, callers }: FuzzServer): Promise<string[]> {
  const headers = callers.get('ann') ?? {};
  const body = { agentId: 'assistant', input: 'say still here' };
  const started = await ask(url, '/executions', { headers, body });
  const { id } = (started.json()['execution'] ?? {}) as { id?: string };
  const ended = await ask(url, `/executions/${id}/wait`, { headers });
  return ended.json()['status'] === 'completed' ? [] : [`it does not work any more: ${ended.text}`];
}

function checkLog(server: FuzzServer): string[] {
  const lines = server
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  const errors = lines.filter((line) => (JSON.parse(line) as { level: number }).level >= ERROR_LEVEL);
  return errors.map((line) => `it logged ${line.slice(0, 1500)}`);
}

async function checkStored({ database, dataDir }: FuzzServer): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    'SELECT id FROM outlast.workflow_executions ORDER BY no',
  );
  const effects = await readEffects([{ options: { dataDir, skewMs: 0 } }]);
  const faults: string[] = [];
  const asker = {
    ask: async <Row extends object>(text: string, values: unknown[] = []) =>
      (await database.query(text, values)).rows as Row[],
  };
  for (let from = 0; from < rows.length; from += AT_ONCE) {
    const ids = rows.slice(from, from + AT_ONCE).map(({ id }) => id);
    for (const stored of await readStored(asker, ids, effects)) faults.push(...checkOne(stored));
  }
  return faults;
}

function checkOne(stored: Stored): string[] {
  return Object.entries(CHECKS).flatMap(([name, check]) =>
    check(stored).map((fault) => `${name} does not hold for ${stored.id}: ${fault}`),
  );
}
