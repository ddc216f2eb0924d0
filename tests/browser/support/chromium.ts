import { accessSync, constants } from 'node:fs';
import { describe } from '@jest/globals';
import { type Browser, chromium } from 'playwright-core';

const PATH = '/usr/bin/chromium';
const HOW = `No Chromium at ${PATH}: the tests in a browser are left out. \`apt-get install chromium\` brings it.`;

/**
 * Tests that need a browser. Where there is none they are left out, which is said aloud; with
 * OUTLAST_REQUIRE_BROWSER=1, as in CI, that is an error.
 */
export function describeInBrowser(name: string, tests: () => void): void {
  if (hasChromium()) return describe(name, tests);
  if (process.env['OUTLAST_REQUIRE_BROWSER'] === '1') throw new Error(HOW);
  // oxlint-disable-next-line eslint/no-console -- nobody may take the silence of these tests for success
  console.warn(HOW);
  describe.skip(name, tests);
}

function hasChromium(): boolean {
  try {
    accessSync(PATH, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function launchChromium(): Promise<Browser> {
  // CI runs as root, whom Chromium refuses its sandbox.
  return chromium.launch({ executablePath: PATH, args: ['--no-sandbox'] });
}
