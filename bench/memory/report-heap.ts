/**
 * Loaded into the server before it starts (`--import`): at SIGUSR2 it collects garbage and prints what is left. The
 * product has no such hook.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

process.on('SIGUSR2', () => {
  collectGarbage();
  collectGarbage();
  const { heapUsed, rss, external } = process.memoryUsage();
  process.stderr.write(`${JSON.stringify({ memory: { heapUsed, rss, external } })}\n`);
});
