import { cpus } from 'node:os';
import { percentile } from '../../bench/stats/percentile.ts';
import { APPROVAL_KINDS } from '../../src/approvals/status.ts';
import { type Conduct, type Fault } from '../faults/faults.ts';
import { FAULT_KINDS } from '../faults/plan.ts';
import type { Load } from '../load/load.ts';
import type { People } from '../load/people.ts';
import { type ChaosOptions, commandOf } from '../options.ts';
import type { Stored } from '../verify/evidence.ts';
import { INVARIANTS, type Invariant, type Violation } from '../verify/verify.ts';
import type { Pause } from './pauses.ts';
import { table } from './table.ts';

/** All that a run has found out. */
export interface Result {
  options: ChaosOptions;
  /** Seconds in which faults happened. */
  seconds: number;
  conduct: Conduct;
  load: Load;
  people: People;
  stored: readonly Stored[];
  violations: readonly Violation[];
  pauses: readonly Pause[];
  remarks: readonly string[];
  /** Load of the machine, over a minute, when the run began: what others do on it makes everything slower. */
  loadBefore: number;
}

const HANDED_OVER = new Set(['crashed', 'lease-lost', 'drained']);

/** The result as Markdown, with the command that makes it again. */
export function renderResult(result: Result): string {
  const { conduct, violations, remarks } = result;
  return [
    `\`${commandOf(result.options)}\``,
    ...remarks,
    `Before the run the load of the machine was ${result.loadBefore.toFixed(1)}, on ${cpus().length} processors.`,
    renderFaults(conduct, result.seconds),
    renderPauses(result.pauses),
    renderExecutions(result),
    renderVerdict(violations, conduct),
  ].join('\n\n');
}

function renderFaults({ faults, keptLease, lostLease, starved }: Conduct, seconds: number): string {
  const rows = FAULT_KINDS.map((kind) =>
    faultRow(
      kind,
      faults.filter((fault) => fault.kind === kind),
    ),
  );
  rows.push(faultRow('all', faults));
  const notes =
    `in ${seconds.toFixed(0)} s; of the frozen processes ${lostLease} found their lease gone and ended, ` +
    `${keptLease} still had it; ${starved} others lost theirs on the busy machine`;
  return `${table(['fault', 'times', 'with a turn or tool open'], rows)}\n\n${notes}`;
}

function faultRow(name: string, faults: readonly Fault[]): string[] {
  const open = faults.filter(({ hadOpenWork }) => hadOpenWork).length;
  const share = faults.length === 0 ? '' : ` (${((100 * open) / faults.length).toFixed(0)} %)`;
  return [name, String(faults.length), `${open}${share}`];
}

function renderPauses(pauses: readonly Pause[]): string {
  const kinds = [...new Set(pauses.map(({ kind }) => kind))].sort();
  const rows = kinds.map((kind) => {
    const times = pauses.filter((pause) => pause.kind === kind).map(({ ms }) => ms);
    const numbers = [0.5, 0.99, 1].map((share) => (percentile(times, share) / 1000).toFixed(2));
    return [kind, String(times.length), ...numbers];
  });
  return table(['time to the next chunk after', 'executions', 'p50 s', 'p99 s', 'longest s'], rows);
}

function renderExecutions({ stored, load, people }: Result): string {
  const attempts = stored.flatMap((one) => one.attempts);
  const takeovers = attempts.filter(({ endReason }) => HANDED_OVER.has(endReason ?? ''));
  const readers = load.followed.flatMap((one) => one.readers);
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
  const rows = [
    ['executions', tally(stored.map(({ status, errorCode }) => errorCode ?? status))],
    ['takeovers', tally(takeovers.map(({ endReason }) => endReason ?? ''))],
    ['most takeovers of one execution', String(Math.max(0, ...stored.map((one) => one.attempts.length - 1)))],
    ['tool calls', tally(stored.flatMap(({ calls }) => calls.map(({ status }) => status)))],
    ...approvalRows(stored, people),
    ['effects', String(sum(stored.map(({ effects }) => effects.length)))],
    ['rows of the logs', String(sum(stored.map((one) => one.lastSeq ?? 0)))],
    ['readers', `${readers.length}, which connected ${sum(readers.map((one) => one.connections))} times`],
    ['rows that readers got', String(sum(readers.map((one) => one.rows.length)))],
    ['of these looked up when they came', String(load.lookedUp)],
  ];
  return table(['what', 'how many'], rows);
}

/** What people were asked, and how that ended; which of it more than one wanted to decide. */
function approvalRows(stored: readonly Stored[], people: People): string[][] {
  const asked = stored.flatMap((one) => one.asked);
  const rows = APPROVAL_KINDS.map((kind) => {
    const ends = asked
      .filter((one) => one.kind === kind)
      .map(({ status, editedInput }) => {
        return editedInput === null ? status : `${status} with other input`;
      });
    return [`asked: ${kind}`, tally(ends)];
  });
  const { asked: decisions, twice, atOnce, told } = people;
  const won = told.filter(({ isFirst }) => isFirst).length;
  rows.push([
    'decisions sent',
    `${decisions}, of ${twice} approvals twice and of ${atOnce} from two at once; ${won} were first, ${told.length - won} were told what was decided`,
  ]);
  return rows;
}

const TOLD: readonly [string, readonly Invariant[]][] = [
  ['lost', ['L1', 'L3', 'E4']],
  ['doubled', ['L2']],
  ['stuck', ['E3']],
  ['effects twice', ['T2']],
  ['decided twice', ['A1']],
  ['run without approval', ['T3']],
];

function renderVerdict(violations: readonly Violation[], { misconduct }: Conduct): string {
  const count = (of: readonly Invariant[]) =>
    violations.filter(({ invariant }) => of.includes(invariant)).length;
  const told = TOLD.map(([name, of]) => `${count(of)} ${name}`).join(', ');
  const rows = INVARIANTS.map((invariant) => [invariant, String(count([invariant]))]);
  rows.push(['processes that ended as they should not', String(misconduct.length)]);
  return `${table(['invariant', 'violations'], rows)}\n\n**${told}**`;
}

function tally(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const parts = [...counts].map(([name, count]) => `${count} ${name}`);
  return `${names.length}: ${parts.join(', ')}`;
}
