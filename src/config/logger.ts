import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import { type Config, secretsOf } from './config.ts';
import { printable } from './printable.ts';
import { redactor } from './redact.ts';
import { serializeError } from './serialize-error.ts';

/** The process's log, on stderr: stdout is left to what a person or a script reads at start. */
export function createLogger(config: Config): Logger {
  const format = config.LOG_FORMAT ?? (process.stderr.isTTY ? 'pretty' : 'json');
  const redact = redactor(secretsOf(config));
  const options = {
    level: config.LOG_LEVEL,
    base: { pid: process.pid },
    serializers: { err: serializeError },
    // The last place that each line comes through, whatever has logged what.
    hooks: { streamWrite: (line: string) => printable(redact(line)) },
  };
  if (format === 'json') return pino(options, pino.destination({ dest: 2, sync: true }));
  const look = { ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l', messageFormat: oneLine };
  return pino(options, pretty({ destination: 2, sync: true, ...look }));
}

/** A message with a line feed in it would begin a line of its own, which then may look like any. */
function oneLine(log: Record<string, unknown>, messageKey: string): string {
  const message = log[messageKey];
  return typeof message === 'string' ? message.replaceAll('\n', '\\n') : '';
}
