import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/* No plugin for React: Vite turns JSX into calls of React's automatic runtime by itself. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  oxc: { jsx: { runtime: 'automatic' } },
});
