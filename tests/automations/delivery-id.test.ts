import { expect, test } from '@jest/globals';
import { deliveryId } from '../../src/automations/delivery-id.ts';
import type { SignatureConfig } from '../../src/automations/signature.ts';
import type { WebhookHeaders } from '../../src/automations/verify-signature.ts';
import { SAMPLES } from './signed-samples.ts';

const COVERED = Buffer.from('what was signed');
const plain: SignatureConfig['signature'] = { header: 'x-token', algorithm: 'plain', prefix: '' };

test('each sender says which delivery it is in its own way', () => {
  const { github, stripe, slack, standard } = SAMPLES;
  expect(idOf(github.config.signature, github.headers, {})).toBe('id:72d3162e-cc78-11e3-81ab-4c9367dc0958');
  expect(idOf(standard.config.signature, standard.headers, {})).toBe('id:msg_p5jXN8AQM9LWM0D4loKWxJek');
  expect(idOf(stripe.config.signature, stripe.headers, { id: 'evt_123' })).toBe('id:evt_123');
  expect(idOf(slack.config.signature, {}, { event_id: 'Ev1', trigger_id: 't' })).toBe('id:Ev1');
  expect(idOf(slack.config.signature, {}, { trigger_id: '3.4.8' })).toBe('id:3.4.8');
});

test('a header that the trigger names comes before that', () => {
  const config = { ...SAMPLES.stripe.config, dedupeHeader: 'x-id' };
  const ids = [{ 'x-id': ['a'] }, {}].map((headers) =>
    deliveryId(config, headers, { id: 'evt_1' }, COVERED, 'r'),
  );
  expect(ids).toEqual(['id:a', expect.stringMatching(/^signed:[0-9a-f]{64}$/)]);
});

test('without an id what was signed once is one delivery, and anything else another', () => {
  for (const payload of [
    {},
    { id: 3 },
    { id: '' },
    null,
    'text',
    [],
    JSON.parse('{"__proto__": {"id": "x"}}'),
  ]) {
    const [first, again] = [1, 2].map(() => idOf(SAMPLES.stripe.config.signature, {}, payload));
    expect(first).toMatch(/^signed:[0-9a-f]{64}$/);
    expect(again).toBe(first);
    expect(deliveryId(SAMPLES.stripe.config, {}, payload, Buffer.from('another'), 'r')).not.toBe(first);
  }
});

test('who has caught a signed request cannot send it again under a header that is not signed', () => {
  const { signature } = SAMPLES.stripe.config;
  expect(idOf(signature, { 'idempotency-key': ['new'] }, { id: 'evt_1' })).toBe('id:evt_1');
  expect(idOf(signature, { 'idempotency-key': ['new'] }, {})).toMatch(/^signed:/);
});

test('without a signature each request counts, unless it has a key', () => {
  for (const signature of ['none', plain] as const) {
    const config = { signature, toleranceSeconds: 300 };
    const [first, second] = ['r1', 'r2'].map((request) =>
      deliveryId(config, {}, { id: 'a' }, undefined, request),
    );
    expect([first, second]).toEqual(['once:r1', 'once:r2']);
    expect(deliveryId(config, { 'idempotency-key': ['k'] }, {}, undefined, 'r')).toBe('id:k');
  }
});

test('an id of any length and any characters makes a key that is short and plain', () => {
  for (const id of ['x'.repeat(5000), 'a b', 'é', 'a\u0000', ' ']) {
    expect(idOf({ preset: 'github' }, { 'x-github-delivery': [id] }, {})).toMatch(/^id-sha256:[0-9a-f]{64}$/);
  }
  expect(idOf({ preset: 'github' }, { 'x-github-delivery': ['a', 'b'] }, {})).not.toBe(
    idOf({ preset: 'github' }, { 'x-github-delivery': ['a'] }, {}),
  );
});

function idOf(signature: SignatureConfig['signature'], headers: WebhookHeaders, payload: unknown) {
  return deliveryId({ signature, toleranceSeconds: 300 }, headers, payload, COVERED, 'r');
}
