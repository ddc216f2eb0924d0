import type { SignatureConfig } from '../../src/automations/signature.ts';
import type { WebhookHeaders } from '../../src/automations/verify-signature.ts';

/** A request that its sender has published, with all that it was signed with. */
export interface SignedSample {
  config: SignatureConfig;
  secret: string;
  headers: WebhookHeaders;
  rawBody: Buffer;
  /** Seconds since 1970, at which it was signed. */
  signedAt: number;
  /** The header that holds the signature. */
  header: string;
}

const tolerance = { toleranceSeconds: 300 };

/** What a GitHub webhook is: the sample of "Validating webhook deliveries". */
const github: SignedSample = {
  config: { signature: { preset: 'github' }, ...tolerance },
  secret: "It's a Secret to Everybody",
  headers: {
    'x-hub-signature-256': ['sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'],
    'x-github-delivery': ['72d3162e-cc78-11e3-81ab-4c9367dc0958'],
  },
  rawBody: Buffer.from('Hello, World!'),
  signedAt: 0,
  header: 'x-hub-signature-256',
};

/** The example of "Verifying requests from Slack". */
const slack: SignedSample = {
  config: { signature: { preset: 'slack' }, ...tolerance },
  secret: '8f742231b10e8888abcd99yyyzzz85a5',
  headers: {
    'x-slack-signature': ['v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503'],
    'x-slack-request-timestamp': ['1531420618'],
  },
  rawBody: Buffer.from(
    'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&' +
      'channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&' +
      'response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&' +
      'trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
  ),
  signedAt: 1531420618,
  header: 'x-slack-signature',
};

/** The reference vector of Standard Webhooks. */
const standard: SignedSample = {
  config: { signature: { preset: 'standard' }, ...tolerance },
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  headers: {
    'webhook-id': ['msg_p5jXN8AQM9LWM0D4loKWxJek'],
    'webhook-timestamp': ['1614265330'],
    'webhook-signature': ['v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='],
  },
  rawBody: Buffer.from('{"test": 2432232314}'),
  signedAt: 1614265330,
  header: 'webhook-signature',
};

const STRIPE_EVENT = {
  id: 'evt_123',
  object: 'event',
  account: 'acct_123',
  api_version: '2017-05-25',
  created: 1533204620,
  data: {
    object: {
      id: 'ii_123',
      object: 'invoiceitem',
      amount: 1000,
      currency: 'usd',
      customer: 'cus_123',
      date: 1533204620,
      description: 'Test Invoice Item',
      discountable: false,
      invoice: 'in_123',
      livemode: false,
      metadata: {},
      period: { start: 1533204620, end: 1533204620 },
      plan: null,
      proration: false,
      quantity: null,
      subscription: null,
    },
  },
  livemode: false,
  pending_webhooks: 1,
  request: { id: 'req_123', idempotency_key: 'idempotency-key-123' },
  type: 'invoiceitem.created',
};

/** The signed event that Stripe's own libraries are tested with. */
const stripe: SignedSample = {
  config: { signature: { preset: 'stripe' }, ...tolerance },
  secret: 'webhook_secret',
  headers: {
    'stripe-signature': [
      't=1533204620,v1=f0bdba6d4eacbd8ad8a3bbadd7248e633ec1477f7899c124c51b39405fa36613,' +
        'v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef',
    ],
  },
  rawBody: Buffer.from(`${JSON.stringify(STRIPE_EVENT, null, 2)}\n`),
  signedAt: 1533204620,
  header: 'stripe-signature',
};

export const SAMPLES = { github, stripe, slack, standard };
