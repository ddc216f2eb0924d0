import type { Config } from '../config/config.ts';
import { type FetchDeps, type FetchedFiles, fetchFiles } from './fetch-files.ts';
import { remoteFilesOf } from './remote-files.ts';
import { FilesMissing } from './store-files.ts';

/** The parts of a message, and where they are in the body that they came in. */
export interface SentParts {
  parts: readonly unknown[] | undefined;
  pointer: string;
}

interface FileDeps extends Pick<FetchDeps, 'outbound' | 'logger'> {
  config: Pick<Config, 'OUTLAST_FILE_LIMIT'>;
  fileTimeoutMs?: number | undefined;
}

const NO_FILES: FetchedFiles = new Map();

/**
 * Does what stores a message, with its files. It is tried without them first, and undone when it finds that it needs
 * them: a request that is refused, or that was answered before, fetches nothing, wherever its files are by now.
 * @throws Problem file-unavailable, and what `work` throws
 */
export async function withFiles<T>(
  { outbound, logger, config, fileTimeoutMs: timeoutMs }: FileDeps,
  { parts = [], pointer }: SentParts,
  work: (files: FetchedFiles) => Promise<T>,
): Promise<T> {
  if (remoteFilesOf(parts).length === 0) return work(NO_FILES);
  try {
    return await work(NO_FILES);
  } catch (error) {
    if (!(error instanceof FilesMissing)) throw error;
  }
  const fileLimit = config.OUTLAST_FILE_LIMIT;
  return work(await fetchFiles({ outbound, logger, fileLimit, timeoutMs }, parts, pointer));
}
