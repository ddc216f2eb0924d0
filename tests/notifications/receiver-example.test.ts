import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { packageFolder } from '../../src/config/package.ts';
import { start } from '../http/client.ts';
import { startServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { SECRET } from './world.ts';

const page = readFileSync(new URL('docs/notifications.md', packageFolder), 'utf8');
const example = /^```js\n(.*?)^```$/ms.exec(page)?.[1] ?? '';

/** The example of the page, copied and pasted. */
async function startExample(secret: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', example], {
    cwd: packageFolder,
    env: { PATH: process.env['PATH'] ?? '', PORT: '0', OUTLAST_NOTIFY_SECRET: secret },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  const port = await waitFor(() => /^listening on (\d+)$/m.exec(out)?.[1], { describe: 'the receiver' });
  const stop = async () => {
    child.kill();
    await once(child, 'exit');
  };
  return { url: `http://127.0.0.1:${port}`, out: () => out, stop };
}

test('the receiver of the page takes what is ours and nothing else', async () => {
  const receiver = await startExample(SECRET);
  const server = await startServer({
    env: {
      OUTLAST_NOTIFY_URL: receiver.url,
      OUTLAST_NOTIFY_SECRET: SECRET,
      OUTLAST_NOTIFY_ALLOW_PRIVATE: 'true',
    },
  });
  const { id } = await start(server.url, { input: 'say hello' });
  const line = `execution.completed ${id} completed`;
  await waitFor(() => receiver.out().includes(line), { describe: () => `${line}, not ${receiver.out()}` });
  const forged = await fetch(receiver.url, { method: 'POST', body: '{"type":"forged"}' });
  expect(forged.status).toBe(401);
  expect(receiver.out()).not.toContain('forged');
  await server.dispose();
  await receiver.stop();
});
