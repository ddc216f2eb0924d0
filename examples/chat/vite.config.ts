import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const pathTo = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/* No plugin for React: Vite turns JSX into calls of React's automatic runtime by itself. */
export default defineConfig({
  root: pathTo('.'),
  oxc: { jsx: { runtime: 'automatic' } },
  // From its sources, since it is built here; elsewhere it comes from npm.
  resolve: { alias: { '@outlast/client': pathTo('../../packages/client/src') } },
});
