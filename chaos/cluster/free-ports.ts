import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports below those that the system gives to outgoing connections (from 32768 on Linux): while a server is down a
 * reader's socket must not get its port.
 */
const FIRST = 21_000;
const LAST = 31_000;

/** Ports that nobody listens on. */
export async function findFreePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  const start = FIRST + (process.pid % 900) * 10;
  for (let port = start; ports.length < count && port < LAST; port += 1) {
    if (await isFree(port)) ports.push(port);
  }
  if (ports.length < count) throw new Error(`Fewer than ${count} ports are free`);
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  const isListening = await Promise.race([
    once(server, 'listening').then(() => true),
    once(server, 'error').then(() => false),
  ]).catch(() => false);
  if (isListening) await new Promise((resolve) => server.close(resolve));
  return isListening;
}
