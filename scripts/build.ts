import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/* Builds what is published: JavaScript with types, and the page of the API documentation, in `dist/`. */

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

rmSync(`${root}/dist`, { recursive: true, force: true });
execFileSync(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
chmodSync(`${root}/dist/src/cli.js`, 0o755);

// Copied and not depended on: the package's installer would report home from every machine of a user.
mkdirSync(`${root}/dist/docs-ui`);
for (const file of ['swagger-ui-bundle.js', 'swagger-ui.css', 'LICENSE', 'NOTICE']) {
  copyFileSync(require.resolve(`swagger-ui-dist/${file}`), `${root}/dist/docs-ui/${file}`);
}
