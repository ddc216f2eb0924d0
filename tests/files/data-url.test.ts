import { expect, test } from '@jest/globals';
import { readDataUrl } from '../../src/files/data-url.ts';

test.each([
  ['data:image/png;base64,aGVsbG8=', 'image/png', 'hello'],
  ['DATA:Image/PNG;BASE64,aGVsbG8', 'image/png', 'hello'],
  ['data:text/plain;charset=utf-8;base64,aGVsbG8%3D', 'text/plain', 'hello'],
  ['data:text/plain,hello, you%20there', 'text/plain', 'hello, you there'],
  ['data:text/plain,gr%C3%BC%zz', 'text/plain', 'grü%zz'],
  ['data:text/plain,grü', 'text/plain', 'grü'],
  ['data:,hello', undefined, 'hello'],
  ['data:;base64,aGVsbG8=', undefined, 'hello'],
  ['data:text/plain,', 'text/plain', ''],
])('%p is %p with %p', (url, mediaType, text) => {
  const { content, ...rest } = readDataUrl(url);
  expect([rest.mediaType, content.toString()]).toEqual([mediaType, text]);
});
