import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Findings, Hunt } from '../../fuzz/hunt.ts';
import { renderFailures } from '../../fuzz/report/render.ts';
import { checkAfter } from '../../fuzz/world/after.ts';
import { type FuzzServer, startAskingServer } from '../../fuzz/world/fuzz-server.ts';
import { allRoutes } from '../../src/http/all-routes.ts';

/** A short part of `npm run fuzz`, always the same: what differs from run to run belongs there. */
const OPTIONS = { seed: 20, requests: 1500 };

let server: FuzzServer;
let found: Findings;

beforeAll(async () => {
  server = await startAskingServer();
  found = await (await Hunt.begin(server)).run(OPTIONS);
}, 120_000);
afterAll(() => server?.dispose());

test('every route is asked, and all of them answer as they should', () => {
  const routes = allRoutes({ version: { version: '0', node: '0', applicationVersion: '0' } });
  const names = routes.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  expect([...found.statuses.keys()].sort()).toEqual(names.sort());
  expect(found.failures.length > 0 ? renderFailures(found, [], OPTIONS) : '').toBe('');
  expect(found.sent).toBe(OPTIONS.requests);
});

test('the server works after that, has logged no bug, and every invariant holds', async () => {
  expect(await checkAfter(server)).toEqual([]);
});
