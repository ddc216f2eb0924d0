import { register as registerRequire } from 'tsx/cjs/api';
import { register as registerImport } from 'tsx/esm/api';

let registered = false;

/**
 * Gives the import that agent files are loaded with. It understands TypeScript without a build step, with enums
 * and all, on every Node and in every folder, whatever its package.json says.
 */
export function registerAgentLoader(): (fileUrl: string) => Promise<unknown> {
  // Once per process: the hooks of a second registration would run behind those of the first.
  if (!registered) registerHooks();
  registered = true;
  return (fileUrl) => import(fileUrl);
}

/** In a folder that is not of `"type": "module"` the files are CommonJS, which Node 20 loads past the import hooks. */
function registerHooks(): void {
  registerRequire();
  registerImport();
}
