import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { type SignatureConfig, signatureFaults } from '../../src/automations/signature.ts';
import { verifySignature } from '../../src/automations/verify-signature.ts';
import { makeWebhookSecret } from '../../src/automations/webhook-secret.ts';
import { SAMPLES, type SignedSample } from './signed-samples.ts';

const samples = Object.entries(SAMPLES);
const general: SignatureConfig = {
  signature: {
    header: 'x-signature',
    algorithm: 'sha512',
    encoding: 'base64',
    prefix: 'sig ',
    signedPayload: '{timestamp}\n{id}\n{body}',
  },
  dedupeHeader: 'x-id',
  timestampHeader: 'x-time',
  toleranceSeconds: 60,
};
const NOW = 1_800_000_000;

describe.each(samples)('the published sample of %s', (_, sample) => {
  test('verifies', () => {
    expect(verify(sample)).toMatchObject({ ok: true });
  });

  test('does not with any byte of the body changed, one missing, or one more', () => {
    for (const rawBody of changes(sample.rawBody)) {
      expect(verify({ ...sample, rawBody })).toEqual({ ok: false, reason: 'signature-wrong' });
    }
  });

  test('does not with any character of its secret changed', () => {
    for (const bytes of changes(Buffer.from(sample.secret))) {
      expect(verify({ ...sample, secret: bytes.toString('latin1') }).ok).toBe(false);
    }
  });

  test('does not with any character of its headers changed', () => {
    for (const [name, [value = ''] = []] of Object.entries(sample.headers)) {
      if (name === 'x-github-delivery') continue;
      // The `v0` of Stripe is for tests of theirs, and not looked at.
      for (const bytes of changes(Buffer.from(value.replace(/,v0=.*/, '')))) {
        const headers = { ...sample.headers, [name]: [bytes.toString('latin1')] };
        expect(verify({ ...sample, headers }).ok).toBe(false);
      }
    }
  });

  test('does not without a header, with an empty one, or with one that comes twice', () => {
    for (const name of Object.keys(sample.headers).filter((each) => each !== 'x-github-delivery')) {
      const value = sample.headers[name] ?? [];
      for (const [values, reason] of [
        [undefined, /-missing$/],
        [[''], /-missing$/],
        [[...value, ...value], /^header-repeated$/],
      ] as const) {
        expect(verify({ ...sample, headers: { ...sample.headers, [name]: values } })).toEqual({
          ok: false,
          reason: expect.stringMatching(reason),
        });
      }
    }
  });

  test('does not without a secret, or with an empty one', () => {
    for (const secret of [undefined, '', 'whsec_']) expect(verify({ ...sample, secret }).ok).toBe(false);
  });

  test('verifies until its time is too far from now, either way', () => {
    if (sample.signedAt === 0) return;
    for (const seconds of [-300, 300]) expect(verify(sample, seconds).ok).toBe(true);
    for (const seconds of [-301, 301, 86_400]) {
      expect(verify(sample, seconds)).toEqual({ ok: false, reason: 'timestamp-out-of-window' });
    }
  });

  test('verifies with capital digits where they are hex', () => {
    if (sample === SAMPLES.standard) return;
    const [value = ''] = sample.headers[sample.header] ?? [];
    const capitals = value.replace(/[0-9a-f]{64}/g, (digits) => digits.toUpperCase());
    expect(capitals).not.toBe(value);
    expect(verify({ ...sample, headers: { ...sample.headers, [sample.header]: [capitals] } }).ok).toBe(true);
  });
});

describe('several signatures in a header', () => {
  const wrong = '0'.repeat(64);

  test('are enough when one is right, as while a secret is replaced', () => {
    const [stripe = ''] = SAMPLES.stripe.headers['stripe-signature'] ?? [];
    const [standard = ''] = SAMPLES.standard.headers['webhook-signature'] ?? [];
    expect(withHeader(SAMPLES.stripe, stripe.replace('v1=', `v1=${wrong},v1=`)).ok).toBe(true);
    expect(withHeader(SAMPLES.stripe, stripe.replaceAll(',', ' , ')).ok).toBe(true);
    expect(withHeader(SAMPLES.standard, `v1,AAAA v2,BBBB ${standard} v1a,CCCC`).ok).toBe(true);
  });

  test('are not when the right one is of another version, or there are two times', () => {
    const [stripe = ''] = SAMPLES.stripe.headers['stripe-signature'] ?? [];
    expect(withHeader(SAMPLES.stripe, stripe.replace('v1=', 'v2=')).ok).toBe(false);
    expect(withHeader(SAMPLES.stripe, `${stripe},t=1533204621`).ok).toBe(false);
    expect(withHeader(SAMPLES.standard, 'v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=').ok).toBe(false);
  });
});

test('what the library of Standard Webhooks signs with a secret of ours verifies', () => {
  const secret = makeWebhookSecret();
  const body = '{"text":"naïve ☃"}';
  const signature = new Webhook(secret).sign('msg_1', new Date(NOW * 1000), body);
  const headers = {
    'webhook-id': ['msg_1'],
    'webhook-timestamp': [`${NOW}`],
    'webhook-signature': [signature],
  };
  expect(
    verify({ ...SAMPLES.standard, secret, headers, rawBody: Buffer.from(body), signedAt: NOW }),
  ).toMatchObject({ ok: true });
});

describe('a signature that is described', () => {
  test('verifies whatever bytes the body, the secret and the headers have', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.string({ unit: fc.constantFrom('{', '}', 'body', 'id', '$&', 'é', 'x'), minLength: 1 }),
        (body, secret, id) => {
          const sample = sign({ secret, id, body: Buffer.from(body), time: `${NOW}` });
          expect(verify(sample)).toMatchObject({ ok: true });
          const changed = { ...sample, rawBody: Buffer.concat([sample.rawBody, Buffer.from(' ')]) };
          expect(verify(changed).ok).toBe(false);
        },
      ),
    );
  });

  test('may say its time in seconds, milliseconds or ISO 8601, and in nothing else', () => {
    const iso = new Date(NOW * 1000).toISOString();
    for (const time of [`${NOW}`, `${NOW * 1000}`, iso, iso.replace('Z', '+00:00')]) {
      expect(verify(sign({ time }))).toMatchObject({ ok: true });
    }
    for (const time of [
      `-${NOW}`,
      `${NOW}.5`,
      `0x${NOW.toString(16)}`,
      ` ${NOW}`,
      'now',
      'NaN',
      '2027-13-45T00:00:00Z',
    ]) {
      expect(verify(sign({ time }))).toEqual({ ok: false, reason: 'timestamp-out-of-window' });
    }
  });

  test('has to cover the body and the time that it is judged by', () => {
    const at = (config: SignatureConfig) => signatureFaults(config).map(({ path }) => path.join('.'));
    const { signature } = general;
    if (typeof signature !== 'object' || !('encoding' in signature)) throw new Error('is an HMAC');
    const signing = (signedPayload: string) => ({ ...general, signature: { ...signature, signedPayload } });
    expect(at(general)).toEqual([]);
    expect(at(signing('{timestamp}{id}'))).toEqual(['signature.signedPayload']);
    expect(at(signing('{body}'))).toEqual(['timestampHeader']);
    expect(at({ ...general, timestampHeader: undefined, dedupeHeader: undefined })).toEqual([
      'timestampHeader',
      'dedupeHeader',
    ]);
    expect(at({ ...SAMPLES.github.config, timestampHeader: 'x-time' })).toEqual(['timestampHeader']);
    expect(at({ signature: 'none', toleranceSeconds: 300 })).toEqual([]);
  });
});

describe('a secret in a header', () => {
  const config: SignatureConfig = {
    signature: { header: 'authorization', algorithm: 'plain', prefix: 'Bearer ' },
    toleranceSeconds: 300,
  };
  const ask = (headers: Record<string, string[]>, secret = 'hüsh') =>
    verifySignature(config, secret, { headers, rawBody: Buffer.alloc(0) }, 0);

  test('lets in who has it, and covers nothing of the request', () => {
    const sent = Buffer.from('Bearer hüsh').toString('latin1');
    expect(ask({ authorization: [sent] })).toEqual({ ok: true, covered: undefined });
  });

  test('lets in nobody else', () => {
    for (const value of [
      'hüsh',
      'Bearer ',
      'Bearer husch',
      'bearer hüsh',
      'Bearer hüsh ',
      'Bearer h\u0000',
    ]) {
      expect(ask({ authorization: [value] })).toEqual({ ok: false, reason: 'signature-wrong' });
    }
    expect(ask({})).toEqual({ ok: false, reason: 'signature-missing' });
    expect(ask({ authorization: ['Bearer '] }, '').ok).toBe(false);
    expect(ask({ authorization: ['Bearer a', 'Bearer a'] }, 'a')).toEqual({
      ok: false,
      reason: 'header-repeated',
    });
  });
});

function verify(sample: Omit<SignedSample, 'secret'> & { secret: string | undefined }, seconds = 0) {
  return verifySignature(sample.config, sample.secret, sample, (sample.signedAt + seconds) * 1000);
}

function withHeader(sample: SignedSample, value: string) {
  return verify({ ...sample, headers: { ...sample.headers, [sample.header]: [value] } });
}

/** Each byte as another one, each left out, and one more at either end. */
function changes(bytes: Buffer): Buffer[] {
  const changed = [...bytes].flatMap((byte, at) =>
    [1, 2].map((bit) =>
      Buffer.concat([bytes.subarray(0, at), Buffer.from([byte ^ bit]), bytes.subarray(at + 1)]),
    ),
  );
  const shorter = [...bytes].map((_, at) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]));
  const longer = [Buffer.concat([bytes, Buffer.from('a')]), Buffer.concat([Buffer.from('a'), bytes])];
  return [...changed, ...shorter, ...longer].filter((each) => !each.equals(bytes));
}

function sign({ secret = 'hush', id = '1', body = Buffer.from('{}'), time = `${NOW}` }): SignedSample {
  const idBytes = Buffer.from(id);
  const covered = Buffer.concat([Buffer.from(`${time}\n`), idBytes, Buffer.from('\n'), body]);
  const signature = createHmac('sha512', secret).update(covered).digest('base64');
  const headers = {
    'x-time': [time],
    'x-id': [idBytes.toString('latin1')],
    'x-signature': [`sig ${signature}`],
  };
  return { config: general, secret, headers, rawBody: body, signedAt: NOW, header: 'x-signature' };
}
