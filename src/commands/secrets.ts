import { resealSecrets } from '../automations/reseal-secrets.ts';
import type { Config } from '../config/config.ts';
import type { Executor } from '../db/database.ts';
import type { EncryptionKeys } from '../secrets/encryption-keys.ts';
import { findEncryptionKeys } from '../secrets/find-encryption-keys.ts';
import { CommandError } from './command-error.ts';
import { withDatabase } from './with-database.ts';

const USAGE = `outlast secrets rotate

Encrypts every stored secret with the first key of OUTLAST_ENCRYPTION_KEY, so that the others can be left out.`;

/** Lets go of older encryption keys. @throws CommandError when a secret stays behind */
export async function secrets(config: Config, args: readonly string[]): Promise<void> {
  if (args.length !== 1 || args[0] !== 'rotate') throw new CommandError(USAGE);
  const keys = await findEncryptionKeys(config);
  if (keys === undefined) throw new CommandError('OUTLAST_ENCRYPTION_KEY is not set');
  await withDatabase(config, (db) => rotate(db, keys));
}

async function rotate(db: Executor, keys: EncryptionKeys): Promise<void> {
  const { resealed, unreadable } = await resealSecrets(db, keys);
  process.stderr.write(`Encrypted ${resealed} secrets with key ${keys[0].id}.\n`);
  if (unreadable.length === 0) return;
  throw new CommandError(`No key opens the secrets of these automations: ${unreadable.join(', ')}`);
}
