import { execFile } from 'node:child_process';

export interface Ended {
  code: number | string | null;
  out: string;
  err: string;
}

/** Runs a command of the program to its end, in a process of its own. */
export function runOutlast(
  databaseUrl: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--conditions=outlast-source', 'src/cli.ts', ...args],
      { env: { PATH: process.env['PATH'] ?? '', DATABASE_URL: databaseUrl, LOG_FORMAT: 'json', ...env } },
      (error, out, err) => resolve({ code: error === null ? 0 : (error.code ?? null), out, err }),
    );
  });
}
