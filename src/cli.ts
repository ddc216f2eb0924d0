#!/usr/bin/env node
import module from 'node:module';
import { CommandError } from './commands/command-error.ts';
import { ConfigError, parseConfig } from './config/config.ts';
import { packageVersion } from './config/package.ts';
import { redactor } from './config/redact.ts';

const USAGE = `outlast ${packageVersion} - durable agent runs on Postgres

  outlast start     run the server (settings: environment variables, see the README)
  outlast dev       the same, and start again whenever an agent file changes
  outlast migrate   bring the database of DATABASE_URL to the newest schema
  outlast keys      make, list and revoke API keys
  outlast apps      make, list and disable apps: public pages whose visitors get sessions
  outlast secrets   encrypt stored secrets with a new key
  outlast version   print the version
`;

/** Imported when needed: `version` and a faulty configuration answer at once. */
const COMMANDS: Record<string, (args: readonly string[]) => Promise<void>> = {
  start: async () => (await import('./commands/start.ts')).start(parseConfig(process.env)),
  dev: async () => (await import('./commands/dev.ts')).dev(parseConfig(process.env)),
  migrate: async () => (await import('./commands/migrate.ts')).migrateDatabase(parseConfig(process.env)),
  keys: async (args) => (await import('./commands/keys.ts')).keys(parseConfig(process.env), args),
  apps: async (args) => (await import('./commands/apps.ts')).apps(parseConfig(process.env), args),
  secrets: async (args) => (await import('./commands/secrets.ts')).secrets(parseConfig(process.env), args),
  version: async () => void process.stdout.write(`${packageVersion}\n`),
  help: async () => void process.stdout.write(USAGE),
};

const WITH_ARGUMENTS = new Set(['keys', 'apps', 'secrets']);

// A third of the time until a restarted server works again is compiling, since Node 22.8 once for all starts.
module.enableCompileCache?.();

const name = process.argv[2] ?? 'help';
const command = COMMANDS[name.replace(/^--?/, '')];
const args = process.argv.slice(3);
if (command === undefined || (args.length > 0 && !WITH_ARGUMENTS.has(name))) {
  process.stderr.write(`outlast: unknown command ${process.argv.slice(2).join(' ')}\n\n${USAGE}`);
  process.exit(2);
}
try {
  await command(args);
} catch (error) {
  process.stderr.write(`${describe(error)}\n`);
  process.exit(1);
}

function describe(error: unknown): string {
  if (error instanceof ConfigError || error instanceof CommandError) return error.message;
  return redactor([])(error instanceof Error ? (error.stack ?? error.message) : String(error));
}
