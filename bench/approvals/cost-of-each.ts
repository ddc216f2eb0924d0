import type { Line } from '../report/scenario.ts';
import type { Measured } from './measured.ts';
import { columnsOf } from './world-columns.ts';

const KB = 1024;

/** What one execution that waits costs, here and in DBOS. */
interface Each {
  readonly heapKb: number;
  readonly rssKb: number;
  /** Of a thousand. */
  readonly transactions: number;
}

export function eachLines({ suspended, warmUp, empty, full, held, dbos }: Measured): Line[] {
  const [none, all] = [columnsOf(empty), columnsOf(full)];
  const ours: Each = {
    heapKb: ((all['heap after GC, MB'] - none['heap after GC, MB']) * KB) / suspended,
    rssKb: ((all['RSS, MB'] - none['RSS, MB']) * KB) / suspended,
    transactions: ((all['transactions/s'] - none['transactions/s']) * 1000) / suspended,
  };
  const { before, after } = held;
  const theirs: Each = {
    heapKb: dbos.heapEach / KB,
    rssKb: dbos.rssEach / KB,
    transactions:
      ((dbos.idle.all.transactionsPerSecond - dbos.idle.none.transactionsPerSecond) * 1000) / dbos.count,
  };
  return [
    line('Outlast, a server that was started later', ours),
    line('Outlast, the server that suspended them', {
      heapKb: (after.heapUsed - before.heapUsed) / KB / (suspended - warmUp),
      rssKb: (after.rss - before.rss) / KB / (suspended - warmUp),
      transactions: '–',
    }),
    line('DBOS recv', theirs),
    line('DBOS recv ÷ Outlast started later', {
      heapKb: ratio(theirs.heapKb, ours.heapKb),
      rssKb: ratio(theirs.rssKb, ours.rssKb),
      transactions: ratio(theirs.transactions, ours.transactions),
    }),
  ];
}

/** More than this is noise of the small number, and says no more than that. */
const MOST = 1000;

/** Where nothing was measured here, there is nothing to divide by. */
function ratio(theirs: number, ours: number): number | string {
  if (ours <= 0) return 'nothing here';
  return theirs / ours > MOST ? `over ${MOST.toLocaleString('en-US')}` : theirs / ours;
}

function line(name: string, each: Record<keyof Each, number | string>): Line {
  const { heapKb, rssKb, transactions } = each;
  const numbers = { 'heap, KB': heapKb, 'RSS, KB': rssKb, 'transactions/s of 1,000': transactions };
  return { name, numbers };
}
