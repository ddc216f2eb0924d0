import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';
import { OutlastProcess } from './outlast-process.ts';
import { proxyTo } from './proxy.ts';

/* `npm run example:chat`: Outlast on an embedded Postgres, and the page before it, on one origin. */

const PAGE_PORT = 5173;

const outlast = new OutlastProcess({ defaultAgent: 'operator' });
const url = await outlast.start();
const vite = await createServer({
  configFile: fileURLToPath(new URL('vite.config.ts', import.meta.url)),
  server: { port: PAGE_PORT, proxy: proxyTo(url) },
});
await vite.listen();

process.stdout.write(
  [
    '',
    `The chat is on ${vite.resolvedUrls?.local[0] ?? `http://localhost:${PAGE_PORT}/`}`,
    `Kill its server in mid-answer, as often as you like: kill -9 ${outlast.pid}. It is started again.`,
    '',
  ].join('\n'),
);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void Promise.all([outlast.stop(), vite.close()]).then(() => process.exit(0)));
}
