import type { Findings, Line } from '../report/scenario.ts';
import { median, percentile } from '../stats/percentile.ts';
import { eachLines } from './cost-of-each.ts';
import type { Decided } from './decide-one-by-one.ts';
import { goalsOf } from './goals.ts';
import type { Idle } from './idle.ts';
import type { Measured } from './measured.ts';
import { columnsOf } from './world-columns.ts';

export function describe(measured: Measured): Findings {
  const { suspended, few, empty, full, decided, dbos } = measured;
  const [none, all] = [columnsOf(empty), columnsOf(full)];
  return {
    title: 'Executions that wait for a person',
    how:
      `${suspended.toLocaleString('en-US')} executions that ask for a refund, started over HTTP, each in a thread of its own, ` +
      'all of them suspended. A server with them and one without are started in turns; each is left alone for 20 s twice. ' +
      `Then ${decided.many.length} are approved over HTTP, one after the other is through, each with a reader on SSE. ` +
      `DBOS: ${dbos.count.toLocaleString('en-US')} workflows in a bare process, a step before and one after a \`recv\` with its default poll, ` +
      'decided by `send` in the same process, without HTTP and SSE.',
    tables: [
      {
        caption: 'A server that is left alone; its start in milliseconds, median of 5',
        lines: [
          { name: 'nothing suspended', numbers: none },
          { name: `${suspended.toLocaleString('en-US')} suspended`, numbers: all },
          idleLine('bare DBOS process, nothing blocked', dbos.idle.none, dbos.boot.none),
          idleLine(
            `bare DBOS process, ${dbos.count.toLocaleString('en-US')} in recv`,
            dbos.idle.all,
            dbos.boot.all,
          ),
        ],
      },
      {
        caption: 'From the decision to the output of the tool, milliseconds',
        lines: [
          decisionLine(`Outlast, ${few} suspended: HTTP to SSE`, decided.few),
          decisionLine(`Outlast, ${suspended.toLocaleString('en-US')} suspended: HTTP to SSE`, decided.many),
          {
            name: `DBOS, ${dbos.count.toLocaleString('en-US')} in recv: send to commit of the next step`,
            numbers: { 'output p50': median(dbos.decided), 'output p99': percentile(dbos.decided, 0.99) },
          },
        ],
      },
      { caption: 'What each one costs that waits', lines: eachLines(measured) },
    ],
    goals: goalsOf(measured),
  };
}

function idleLine(name: string, idle: Idle, start: number): Line {
  const { transactionsPerSecond, cores } = idle;
  const numbers = {
    'transactions/s': transactionsPerSecond,
    'process, cores': cores['process'] ?? 0,
    'Postgres, cores': cores['Postgres'] ?? 0,
    'others, cores': cores['others'] ?? 0,
    start: start,
  };
  return { name, numbers };
}

function decisionLine(name: string, decided: readonly Decided[]): Line {
  const [answered, output] = [decided.map((each) => each.answered), decided.map((each) => each.output)];
  const numbers = {
    'output p50': median(output),
    'output p99': percentile(output, 0.99),
    'HTTP answer p50': median(answered),
  };
  return { name, numbers };
}
