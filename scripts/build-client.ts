import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/* Builds `@outlast/client`: JavaScript with types, in `packages/client/dist`. */

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = `${root}/packages/client`;

rmSync(`${folder}/dist`, { recursive: true, force: true });
execFileSync(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, '-p', 'tsconfig.build.json'], {
  cwd: folder,
  stdio: 'inherit',
});
copyFileSync(`${root}/LICENSE`, `${folder}/dist/LICENSE`);
