/**
 * `npm run fuzz`, or `npm run fuzz -- --seed 7 --requests 100000`: requests made from the OpenAPI document, with
 * everything wrong that a client can do, to a server that asks nobody and to one that asks. Half of them each.
 */
import { startTestPostgres } from '../tests/support/postgres.ts';
import { Hunt } from './hunt.ts';
import { type FuzzOptions, parseOptions } from './options.ts';
import { renderFailures, renderStatuses } from './report/render.ts';
import { checkAfter } from './world/after.ts';
import { type FuzzServer, startAskingServer, startOpenServer } from './world/fuzz-server.ts';

const options = parse();
const postgres = await startTestPostgres();
try {
  const isSound = [await fuzzOne(startOpenServer, options), await fuzzOne(startAskingServer, options)];
  process.exitCode = isSound.every(Boolean) ? 0 : 1;
} finally {
  await postgres.stop();
}

async function fuzzOne(start: () => Promise<FuzzServer>, { seed, requests }: FuzzOptions): Promise<boolean> {
  const server = await start();
  try {
    const hunt = await Hunt.begin(server);
    const found = await hunt.run({ seed, requests: Math.ceil(requests / 2) }, (sent) =>
      console.error(`${server.name}: ${sent} requests`),
    );
    const after = await checkAfter(server);
    console.log(renderStatuses(found));
    console.log(renderFailures(found, after, options));
    return found.failures.length + after.length === 0;
  } finally {
    await server.dispose();
  }
}

function parse(): FuzzOptions {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}
