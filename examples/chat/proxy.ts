import type { ProxyOptions } from 'vite';

/** What the page asks for and is none of its files. */
const PATHS = ['/api', '/threads', '/executions', '/approvals', '/agents'];

/** Lets Vite pass on to Outlast what is for it, so that page and server are one origin, without CORS. */
export function proxyTo(target: string): Record<string, ProxyOptions> {
  const options: ProxyOptions = {
    target,
    // Else the server would hear its own `Host`, and the page's `Origin` would be a foreign one.
    changeOrigin: false,
    // Vite leaves the page's connection open when the server's breaks: a stream that was cut would look silent.
    configure: (proxy) =>
      proxy.on('proxyRes', (answer, _, response) => answer.once('error', () => response.destroy())),
  };
  return Object.fromEntries(PATHS.map((path) => [path, options]));
}
