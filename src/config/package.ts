import { existsSync, readFileSync } from 'node:fs';

/** The folder of this package with a trailing slash, whether it runs from its sources or from `dist/`. */
export const packageFolder: URL = findPackageFolder(new URL('.', import.meta.url));

/** The version of this package, as in its package.json. */
export const packageVersion: string = (
  JSON.parse(readFileSync(new URL('package.json', packageFolder), 'utf8')) as { version: string }
).version;

function findPackageFolder(folder: URL): URL {
  if (existsSync(new URL('package.json', folder))) return folder;
  const parent = new URL('..', folder);
  if (parent.href === folder.href) throw new Error('package.json of outlast was not found');
  return findPackageFolder(parent);
}
