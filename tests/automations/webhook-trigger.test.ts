import { describe, expect, test } from '@jest/globals';
import { webhookTriggerSchema } from '../../src/automations/webhook-trigger.ts';

const hmac = { header: 'X-Signature', algorithm: 'sha256' };

describe('a webhook trigger', () => {
  test('has the usual for what is not said', () => {
    expect(webhookTriggerSchema.parse({ type: 'webhook', signature: hmac })).toEqual({
      type: 'webhook',
      signature: {
        header: 'x-signature',
        algorithm: 'sha256',
        encoding: 'hex',
        prefix: '',
        signedPayload: '{body}',
      },
      toleranceSeconds: 300,
    });
  });

  test.each([
    [{}, 'signature'],
    [{ signature: 'any' }, 'signature'],
    [{ signature: { preset: 'gitlab' } }, 'signature'],
    [{ signature: { ...hmac, algorithm: 'md5' } }, 'signature'],
    [{ signature: { ...hmac, header: 'x signature' } }, 'signature.header'],
    [{ signature: { ...hmac, signedPayload: 'v0:{timestamp}' } }, 'signature.signedPayload timestampHeader'],
    [{ signature: hmac, timestampHeader: 'x-time' }, 'timestampHeader'],
    [{ signature: hmac, toleranceSeconds: 0 }, 'toleranceSeconds'],
    [{ signature: hmac, secret: 'short' }, 'secret'],
    [{ signature: hmac, secret: 'with\nnew lines' }, 'secret'],
    [{ signature: 'none', secret: 'long enough' }, 'secret'],
    [{ signature: { preset: 'standard' }, secret: 'whsec_not base64' }, 'secret'],
    [{ signature: hmac, agentId: 'operator' }, ''],
  ])('%# is refused', (fields, paths) => {
    const parsed = webhookTriggerSchema.safeParse({ type: 'webhook', ...fields });
    expect(parsed.error?.issues.map(({ path }) => path.slice(0, 2).join('.')).join(' ')).toBe(paths);
  });
});
