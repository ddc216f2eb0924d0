import { createServer } from 'node:https';
import type { AddressInfo, LookupFunction } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createOutbound, type OutboundRequest } from '../../src/outbound/request.ts';
import { startReceiver, type TestReceiver } from '../support/receiver.ts';
import { waitFor } from '../support/wait-for.ts';
import { CERTIFICATE, PRIVATE_KEY } from './certificate.ts';

const OPEN: TestReceiver[] = [];

afterEach(async () => {
  for (const receiver of OPEN.splice(0)) await receiver.close();
});

async function receive(...args: Parameters<typeof startReceiver>): Promise<TestReceiver> {
  const receiver = await startReceiver(...args);
  OPEN.push(receiver);
  return receiver;
}

const request = (url: string, more: Partial<OutboundRequest> = {}): OutboundRequest => ({
  method: 'POST',
  url: new URL(url),
  body: 'hello',
  timeoutMs: 5000,
  maxBytes: 100,
  ...more,
});

/** A name server that gives each question its next answer. */
function names(...answers: string[][]): { lookup: LookupFunction; asked: string[] } {
  const asked: string[] = [];
  const lookup: LookupFunction = (hostname, _options, callback) => {
    asked.push(hostname);
    const addresses = answers.length > 1 ? (answers.shift() ?? []) : (answers[0] ?? []);
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return { lookup, asked };
}

const PRIVATE = [
  '127.0.0.1',
  '127.8.9.10',
  '0.0.0.0',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '169.254.169.254',
  '192.0.0.1',
  '198.18.0.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  'fe80::1',
  'fc00::1',
  'fd00:ec2::254',
  'ff02::1',
  '::ffff:127.0.0.1',
  '::ffff:169.254.169.254',
  '::ffff:8.8.8.8',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  '2001::1',
];

describe('a request to an address that came from outside', () => {
  test.each(PRIVATE)('is not made to %s', async (address) => {
    const host = address.includes(':') ? `[${address}]` : address;
    const send = createOutbound();
    for (const scheme of ['http', 'https']) {
      await expect(send(request(`${scheme}://${host}:9/`))).rejects.toMatchObject({
        fault: 'address-refused',
      });
    }
  });

  test.each(PRIVATE)('is not made to a name that leads to %s', async (address) => {
    const { lookup, asked } = names([address]);
    const send = createOutbound({ lookup });
    for (const scheme of ['http', 'https']) {
      await expect(send(request(`${scheme}://innocent.example:9/`))).rejects.toMatchObject({
        fault: 'address-refused',
      });
    }
    expect(asked).toEqual(['innocent.example', 'innocent.example']);
  });

  test.each([
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://localhost/',
    'http://127.1/',
  ])('is not made to %s, however it is written', async (url) => {
    await expect(createOutbound()(request(url))).rejects.toMatchObject({ fault: 'address-refused' });
  });

  test('is not made if one of the addresses of the name is private', async () => {
    const { lookup } = names(['93.184.215.14', '10.0.0.1']);
    await expect(createOutbound({ lookup })(request('http://mixed.example/'))).rejects.toMatchObject({
      fault: 'address-refused',
    });
  });

  test('goes to the address that was checked: the name is asked once for each connection', async () => {
    const receiver = await receive();
    const { lookup, asked } = names(['127.0.0.1'], ['10.0.0.1']);
    const send = createOutbound({ allowPrivate: true, lookup });
    await expect(send(request(`http://rebinds.example:${receiver.port}/`))).resolves.toMatchObject({
      status: 204,
    });
    expect(asked).toEqual(['rebinds.example']);
    expect(receiver.requests[0]?.headers['host']).toBe(`rebinds.example:${receiver.port}`);
  });

  test('is checked anew for each connection', async () => {
    const { lookup } = names(['10.0.0.1']);
    const send = createOutbound({ lookup });
    for (let i = 0; i < 2; i++) {
      await expect(send(request('http://twice.example/'))).rejects.toMatchObject({
        fault: 'address-refused',
      });
    }
  });

  test('may go to a private one where that is allowed', async () => {
    const receiver = await receive((res) => res.writeHead(200, { 'x-a': 'b' }).end('yes'));
    const answer = await createOutbound({ allowPrivate: true })(request(receiver.url));
    expect(answer).toMatchObject({ status: 200, isWhole: true, headers: { 'x-a': 'b' } });
    expect(answer.body.toString()).toBe('yes');
    expect(receiver.requests).toMatchObject([{ method: 'POST', path: '/', body: 'hello' }]);
  });
});

describe('an answer', () => {
  const send = createOutbound({ allowPrivate: true });

  test.each([301, 302, 303, 307, 308])('%i is an answer and not followed', async (status) => {
    const target = await receive();
    const receiver = await receive((res) => res.writeHead(status, { location: target.url }).end());
    await expect(send(request(receiver.url))).resolves.toMatchObject({ status });
    expect(target.requests).toEqual([]);
  });

  test('is read up to the limit, and the connection is closed then', async () => {
    let isClosed = false;
    const receiver = await receive((res) => {
      res.on('close', () => {
        isClosed = true;
      });
      const more = () => {
        while (res.write('x'.repeat(10_000)));
      };
      res.on('drain', more);
      more();
    });
    const answer = await send(request(receiver.url));
    expect(answer).toMatchObject({ status: 200, isWhole: false });
    expect(answer.body).toHaveLength(100);
    await waitFor(() => isClosed, { describe: 'the connection to be closed' });
  });

  test('that has as many bytes as are wanted is whole', async () => {
    const receiver = await receive((res) => res.end('x'.repeat(100)));
    await expect(send(request(receiver.url))).resolves.toMatchObject({ isWhole: true });
  });

  test('that breaks off counts, as far as it came', async () => {
    const receiver = await receive((res) => {
      res.writeHead(200, { 'content-length': '50' });
      res.write('part', () => res.destroy());
    });
    const answer = await send(request(receiver.url));
    expect([answer.status, answer.isWhole, answer.body.toString()]).toEqual([200, false, 'part']);
  });

  test('that never ends is cut when the time is up', async () => {
    const receiver = await receive((res) => res.write('part'));
    const answer = await send(request(receiver.url, { timeoutMs: 100 }));
    expect([answer.status, answer.isWhole, answer.body.toString()]).toEqual([200, false, 'part']);
  });

  test('that never comes is a timeout', async () => {
    const receiver = await receive(() => undefined);
    await expect(send(request(receiver.url, { timeoutMs: 100 }))).rejects.toMatchObject({ fault: 'timeout' });
  });

  test('does not come where nobody listens, and the error names nothing but a code', async () => {
    const receiver = await receive();
    await receiver.close();
    await expect(send(request(`${receiver.url}/secret-path?token=secret`))).rejects.toMatchObject({
      fault: 'connection-failed',
      message: 'connection-failed (ECONNREFUSED)',
    });
  });

  test('does not come if the name server never answers: that counts too', async () => {
    const never = createOutbound({ lookup: () => undefined });
    await expect(never(request('http://slow.example/', { timeoutMs: 100 }))).rejects.toMatchObject({
      fault: 'timeout',
    });
  });
});

test('a certificate that nobody vouches for is refused', async () => {
  const server = createServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, (_, res) => res.end('secret'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const send = createOutbound({ allowPrivate: true });
  await expect(send(request(`https://localhost:${port}/`))).rejects.toMatchObject({
    message: 'connection-failed (DEPTH_ZERO_SELF_SIGNED_CERT)',
  });
  await new Promise((resolve) => server.close(resolve));
});
