import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';

const FORGED = '[12:00:00.000] INFO: forged';
/** Everything that a terminal would obey, or that begins a line. */
const HOSTILE = `a\r\n${FORGED}\n\u001b[2J\u001b]0;title\u0007\u009b31m\u0008\u0000\u007f\u2028\u202e`;

/** What a process of its own writes to its log, in both formats. */
async function logged(format: string): Promise<string> {
  const script = `
    import { createLogger } from '#src/config/logger.ts';
    import { parseConfig } from '#src/config/config.ts';
    const hostile = ${JSON.stringify(HOSTILE)};
    const log = createLogger(parseConfig({ LOG_FORMAT: '${format}', LOG_LEVEL: 'trace', OPENAI_API_KEY: 'sentinel-0123' }));
    const error = new Error(hostile, { cause: new Error('caused by ' + hostile) });
    error.name = hostile;
    error.requestBodyValues = { prompt: 'sentinel-0123' };
    log.child({ requestId: hostile }).error({ err: error, path: hostile, [hostile]: 1 }, hostile);
    log.error({ err: new Error('x'.repeat(1e6)) }, 'long');
    log.info({ url: 'sentinel-0123' }, 'the end');`.replaceAll(
    '#src',
    new URL('../../src', import.meta.url).href,
  );
  const args = ['--conditions=outlast-source', '--input-type=module', '-e', script];
  return (await promisify(execFile)(process.execPath, args, { env: {} })).stderr;
}

describe.each(['json', 'pretty'])('the log as %s', (format) => {
  let text: string;

  beforeAll(async () => {
    text = await logged(format);
  });

  test('obeys nobody', () => {
    expect(text).toContain('the end');
    // Line feeds apart, there is nothing in it but what can be seen.
    expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
    expect(text).toContain(String.raw`\u001b[2J`);
  });

  test('has no line that was not logged', () => {
    const lines = text.trimEnd().split('\n');
    expect(lines.filter((line) => line.startsWith(FORGED))).toEqual([]);
    const begun = lines.filter((line) => /^[^\s]/.test(line));
    expect(begun).toHaveLength(3);
    if (format === 'json')
      for (const line of lines) expect(JSON.parse(line)).toMatchObject({ time: expect.any(Number) });
  });

  test('has no secret, and no more of a message than can be read', () => {
    expect(text).not.toContain('sentinel-0123');
    expect(text.length).toBeLessThan(20_000);
  });
});
