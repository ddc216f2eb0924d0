import { describe, expect, test } from '@jest/globals';
import { parseConfig, secretsOf } from '../../src/config/config.ts';
import { redactor } from '../../src/config/redact.ts';

const KEY = `ok_live_0123456789ab_${'A'.repeat(43)}`;
const TOKEN = `ot_${'B'.repeat(43)}`;
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl';

describe('what is redacted', () => {
  const redact = redactor([]);

  test.each([
    [`refused ${KEY}.`, 'refused ok_live_0123456789ab_[redacted].'],
    [`at ${TOKEN}, os_${'c'.repeat(40)}`, 'at ot_[redacted], os_[redacted]'],
    [`token ${JWT} expired`, 'token [redacted] expired'],
    ['Incorrect API key provided: sk-proj-abcdef0123456789', 'Incorrect API key provided: [redacted]'],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', '[redacted]'],
    ['Authorization: Bearer abcdef.012345', 'Authorization: Bearer [redacted]'],
    ['authorization: abcdef012345', 'authorization: [redacted]'],
    ['{"authorization":"Basic YW5uOnNlY3JldA=="}', '{"authorization":"Basic [redacted]"}'],
    ['{"a":"{\\"x-api-key\\":\\"abc\\"}"}', '{"a":"{\\"x-api-key\\":\\"[redacted]\\"}"}'],
    ["{ cookie: 'session=abc; theme=dark' }", "{ cookie: '[redacted]' }"],
    ['Set-Cookie: session=abc; HttpOnly', 'Set-Cookie: [redacted]'],
    ['postgres://ann:hunter2@db.example.com/app', 'postgres://ann:[redacted]@db.example.com/app'],
    ['GET /x?after=1&token=abc&limit=2', 'GET /x?after=1&token=[redacted]&limit=2'],
    ['https://api.example.com/?api_key=abc#x', 'https://api.example.com/?api_key=[redacted]#x'],
  ])('%s', (text, redacted) => {
    expect(redact(text)).toBe(redacted);
  });

  test.each([
    'The model provider answered 401',
    'order ot_1 of os_release is not there',
    'http://127.0.0.1:4400/threads/a?after=3.17',
    'the task-list of sk-1',
    'Bearer of bad news',
    '{"cookie":null,"key":"value"}',
  ])('%s stays what it is', (text) => {
    expect(redact(text)).toBe(text);
  });

  test('knows the secrets of its configuration, however they are written', () => {
    const secret = 'a "secret" \\ with/odd+signs';
    const config = parseConfig({
      OPENAI_API_KEY: secret,
      DATABASE_URL: 'postgres://u:p%40ssword%21@h/d',
      OUTLAST_NOTIFY_URL: 'https://hooks.example.com/services/T0/B0/xyz',
      OUTLAST_NOTIFY_SECRET: `whsec_${'A'.repeat(32)}`,
    });
    const known = redactor(secretsOf(config));
    const inJson = JSON.stringify({ secret });
    for (const text of [
      secret,
      inJson,
      JSON.stringify({ inJson }),
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      'p@ssword!',
      'p%40ssword%21',
      'https://hooks.example.com/services/T0/B0/xyz',
    ]) {
      expect(known(`before ${text} after`)).toMatch(/^before .*\[redacted\].* after$/);
      expect(known(text)).not.toMatch(/odd|ssword|xyz|b2RkK/);
    }
    expect(JSON.parse(known(inJson))).toEqual({ secret: '[redacted]' });
  });

  test('a password that is the name of who has it is no secret, nor one of few letters', () => {
    const of = (password: string) =>
      redactor(secretsOf(parseConfig({ DATABASE_URL: `postgres://postgres:${password}@h/d` })));
    expect(of('postgres')('postgres is away')).toBe('postgres is away');
    expect(of('dev')('dev dev dev')).toBe('dev dev dev');
  });

  test('a text that is made to be hard takes no longer than another', () => {
    for (const text of ['eyJ', 'Bearer ', 'cookie:', '://a:', '?token=', 'ok_live_', 'authorization\\"']) {
      const long = text.repeat(100_000);
      expect(redact(long).length).toBeLessThanOrEqual(long.length + 200_000 * 12);
    }
  });
});
