import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type FetchedFiles, fetchFiles } from '../../src/files/fetch-files.ts';
import { createOutbound } from '../../src/outbound/request.ts';
import { Problem } from '../../src/problems/problem.ts';
import { type FileHost, file, PNG, redirect, startFileHost } from '../support/file-host.ts';
import { silentLog } from '../support/silent-log.ts';

const LIMIT = 1000;

let host: FileHost;
beforeAll(async () => {
  host = await startFileHost();
});
afterAll(() => host.close());

const part = (url: string, mediaType = 'image/png') => ({ type: 'file', mediaType, url });

function fetchAll(parts: unknown[], more: { timeoutMs?: number } = {}): Promise<FetchedFiles> {
  const deps = { outbound: host.outbound, logger: silentLog, fileLimit: LIMIT, ...more };
  return fetchFiles(deps, parts, '/parts');
}

/** What the client is told of the first of these that does not come. */
async function faultOf(fetching: Promise<unknown>): Promise<Record<string, unknown>> {
  const error = await fetching.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Problem);
  return (error as Problem).toBody('/');
}

describe('a file of a message', () => {
  test('comes as it is, by its address without fragment', async () => {
    const url = host.put('/one.png', file(PNG, 'Image/PNG; a=b'));
    const files = await fetchAll([{ type: 'text', text: 'look' }, part(`${url}#top`)]);
    expect([...files]).toEqual([[url, { mediaType: 'image/png', content: PNG }]]);
    expect(host.requests.at(-1)).toMatchObject({
      method: 'GET',
      path: '/one.png',
      headers: { accept: 'image/png', 'accept-encoding': 'identity' },
    });
  });

  test('comes over three redirects and not over four', async () => {
    const url = host.put('/r3', redirect('/r2'));
    host.put('/r2', redirect('https://files.example/r1', 308));
    host.put('/r1', redirect('one.png', 303));
    host.put('/one.png', file(PNG));
    expect([...(await fetchAll([part(url)])).keys()]).toEqual([url]);
    const far = host.put('/r4', redirect('/r3'));
    expect((await faultOf(fetchAll([part(far)])))['detail']).toBe('/parts/0/url: is redirected too often');
  });

  test('is fetched once, however many parts it is in', async () => {
    const url = host.put('/often.png', file(PNG));
    const before = host.requests.length;
    await fetchAll([part(url), part(`${url}#a`), part(url, 'image/*')]);
    expect(host.requests.length - before).toBe(1);
    expect((await faultOf(fetchAll([part(url), part(url, 'image/gif')])))['errors']).toEqual([
      { pointer: '/parts/1/url', message: 'is not of the media type image/gif' },
    ]);
  });

  test.each([
    ['image/png', 'image/png', true],
    ['image/png', 'IMAGE/PNG', true],
    ['image/jpeg', 'image/*', true],
    ['image/jpeg', 'image', true],
    ['text/plain;charset=utf-8', 'text/plain', true],
    ['text/html', 'image/*', false],
    ['imagery/png', 'image/*', false],
    ['image/jpeg', 'image/png', false],
    ['', 'image/*', false],
  ])('of type %p is %p: %p', async (actual, promised, fits) => {
    const url = host.put('/typed', file('x', actual));
    const fetching = fetchAll([part(url, promised)]);
    if (fits) await expect(fetching).resolves.toHaveProperty('size', 1);
    else expect((await faultOf(fetching))['code']).toBe('file-unavailable');
  });

  test.each([
    ['image/PNG; q=1', 'image/png'],
    ['image', 'image/*'],
    ['image/*', 'image/*'],
    ['image/svg+xml', 'image/svg+xml'],
    ['image/png\r\nhost: other', '*/*'],
    ['bild/grün', '*/*'],
    ['no/media/type', '*/*'],
    ['', '*/*'],
  ])('that should be %j is asked for as %j', async (promised, accept) => {
    const url = host.put('/asked', file('x'));
    await fetchAll([part(url, promised)]).catch(() => undefined);
    expect(host.requests.at(-1)?.headers.accept).toBe(accept);
  });

  test('may have as many bytes as are allowed and not one more', async () => {
    const url = host.put('/full', file('x'.repeat(LIMIT)));
    expect((await fetchAll([part(url)])).get(url)?.content).toHaveLength(LIMIT);
    const larger = host.put('/larger', file('x'.repeat(LIMIT + 1)));
    expect((await faultOf(fetchAll([part(larger)])))['detail']).toBe(
      '/parts/0/url: is larger than 1000 bytes',
    );
  });

  test('may be as large as the others have left of what a message may have', async () => {
    const parts = ['/a', '/b'].map((path) => part(host.put(path, file('x'.repeat(900)))));
    const rest = part(host.put('/c', file('x'.repeat(200))));
    expect((await fetchAll([...parts, rest])).size).toBe(3);
    host.put('/c', file('x'.repeat(201)));
    expect((await faultOf(fetchAll([...parts, rest])))['detail']).toBe(
      '/parts/2/url: makes the files of the message larger than 2000 bytes',
    );
  });

  test.each<[string, Parameters<FileHost['put']>[1], string]>([
    ['is not there', (res) => res.writeHead(404).end(), 'was answered with the status 404'],
    ['is a part only', (res) => res.writeHead(206).end('x'), 'was answered with the status 206'],
    ['is empty', file(''), 'is empty'],
    ['is a redirect to itself', redirect('/odd'), 'is redirected too often'],
    ['is a redirect to http', redirect('http://files.example/one.png'), 'is redirected to what is no https'],
    ['is a redirect with a password', redirect('https://a:b@files.example/'), 'is redirected to what is no'],
    ['is a redirect to nowhere', (res) => res.writeHead(302).end(), 'is redirected too often'],
    ['is a redirect to what is no URL', redirect('https://'), 'is redirected to what is no https address'],
    ['is a redirect to a private address', redirect('https://127.0.0.1/'), 'could not be fetched'],
    ['is packed', (res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end('x'), 'came packed'],
    ['breaks off', (res) => res.writeHead(200).write('x', () => res.destroy()), 'did not come whole'],
    ['never comes', () => undefined, 'could not be fetched'],
    ['never ends', (res) => res.writeHead(200).write('x'), 'did not come whole'],
  ])('that %s is told of at its place', async (_, answer, message) => {
    const url = host.put('/odd', answer);
    const fault = await faultOf(fetchAll([{ type: 'text', text: 'look' }, part(url)], { timeoutMs: 200 }));
    expect(fault).toMatchObject({
      status: 422,
      code: 'file-unavailable',
      errors: [{ pointer: '/parts/1/url', message: expect.stringContaining(message) }],
    });
  });

  test('has only the time that those before it have left', async () => {
    const slow = host.put('/slow', () => undefined);
    const before = host.requests.length;
    await faultOf(fetchAll([part(slow), part(`${slow}er`)], { timeoutMs: 100 }));
    expect(host.requests.length - before).toBe(1);
  });
});

describe('a file at an address that is not public', () => {
  test.each([
    'https://127.0.0.1/',
    'https://127.0.0.1:22/',
    'https://localhost/',
    'https://169.254.169.254/latest/meta-data/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://10.0.0.1/',
    'https://192.168.0.1:8443/',
    'https://2130706433/',
  ])('%s looks like one where nobody is', async (url) => {
    const deps = { outbound: createOutbound(), logger: silentLog, fileLimit: LIMIT };
    const nowhere = await faultOf(fetchFiles(deps, [part('https://nobody.invalid/')], '/parts'));
    const refused = await faultOf(fetchFiles(deps, [part(url)], '/parts'));
    expect(refused).toEqual(nowhere);
    expect(refused['detail']).toBe('/parts/0/url: could not be fetched');
  });
});
