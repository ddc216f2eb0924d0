/**
 * Loaded with `node --import` before the server, never by the server itself: makes its process SIGKILL itself at
 * one named moment. It looks at what the process says to Postgres, to its clients and to the effects file, so that
 * the product needs no hook.
 *
 * The moment is a KillPoint, as JSON, in a file of the data folder; the file is removed right before the kill, so
 * that the process which is started next lives.
 */
import fs from 'node:fs';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import pg from 'pg';

export interface KillPoint {
  /** `commit`: the COMMIT of a transaction that has a matching statement in it. */
  event: 'statement' | 'commit' | 'effect' | 'answer';
  /** Of the statement with its values, of the line of the effects file, or of the status of an answer. */
  matches: string;
  /** `during`: it is on its way, and whether it takes effect is open. */
  moment: 'before' | 'during' | 'after';
  /** The how manieth time since the file was written. Default: 1. */
  nth?: number;
  /** Statements that match are never sent. */
  hold?: string;
  /** Default: SIGKILL. A process that is stopped goes on at SIGCONT, as if nothing had happened. */
  signal?: 'SIGKILL' | 'SIGSTOP';
}

const file = join(process.env['OUTLAST_DATA_DIR'] ?? '', 'kill-point.json');
let text = '';
let point: KillPoint | undefined;
let seen = 0;

function armed(): KillPoint | undefined {
  const now = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  if (now !== text) {
    text = now;
    point = now === '' ? undefined : (JSON.parse(now) as KillPoint);
    seen = 0;
  }
  return point;
}

function die(): void {
  fs.rmSync(file, { force: true });
  process.kill(process.pid, point?.signal ?? 'SIGKILL');
}

/** The moment at which to die if this event is the one, else undefined. */
function momentOf(event: KillPoint['event'], subject: string): KillPoint['moment'] | undefined {
  const at = armed();
  if (at === undefined || at.event !== event || !new RegExp(at.matches, 's').test(subject)) return undefined;
  seen += 1;
  return seen === (at.nth ?? 1) ? at.moment : undefined;
}

type Query = (...args: unknown[]) => unknown;

const transactions = new WeakMap<object, string>();
const query = pg.Client.prototype.query as Query;

pg.Client.prototype.query = function killable(this: pg.Client, ...args: unknown[]): unknown {
  const statement = describe(args);
  const hold = armed()?.hold;
  if (hold !== undefined && new RegExp(hold, 's').test(statement)) return new Promise(() => {});
  const moment = momentOfStatement(this, statement);
  if (moment === 'before') die();
  if (moment === 'after') return dieWhenDone(this, args);
  const result = query.apply(this, args);
  if (moment === 'during') setImmediate(die);
  return result;
} as typeof pg.Client.prototype.query;

function momentOfStatement(client: object, statement: string): KillPoint['moment'] | undefined {
  if (/^BEGIN/i.test(statement)) transactions.set(client, '');
  if (/^COMMIT/i.test(statement)) return momentOf('commit', transactions.get(client) ?? '');
  transactions.set(client, `${transactions.get(client) ?? ''}\n${statement}`.slice(-20_000));
  return momentOf('statement', statement);
}

function describe([config, values]: unknown[]): string {
  const { text: sql = '', values: own } =
    typeof config === 'string' ? { text: config } : (config as { text?: string; values?: unknown });
  const given = own ?? (Array.isArray(values) ? values : []);
  return `${sql} ${JSON.stringify(given, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`;
}

/** Dies when the answer of Postgres is there, before whoever asked hears it. */
function dieWhenDone(client: pg.Client, args: unknown[]): unknown {
  const callback = args.at(-1);
  if (typeof callback === 'function') return query.apply(client, [...args.slice(0, -1), die]);
  const result = query.apply(client, args) as Promise<unknown>;
  result.then(die, () => undefined);
  return result;
}

const { appendFile } = fs.promises;
fs.promises.appendFile = async (...args) => {
  const moment = momentOf('effect', JSON.stringify(args[1]));
  if (moment === 'before') die();
  await appendFile(...args);
  if (moment === 'after') die();
};
syncBuiltinESMExports();

const { end } = http.ServerResponse.prototype;
http.ServerResponse.prototype.end = function killable(this: http.ServerResponse, ...args: unknown[]) {
  const moment = momentOf('answer', String(this.statusCode));
  if (moment === 'before') die();
  if (moment === 'after') this.once('finish', die);
  return (end as (...args: unknown[]) => http.ServerResponse).apply(this, args);
} as typeof end;
