import NodeEnvironment from 'jest-environment-node';

const BUILT_INS = [
  [
    'Error',
    'AggregateError',
    'EvalError',
    'RangeError',
    'ReferenceError',
    'SyntaxError',
    'TypeError',
    'URIError',
  ],
  ['Object', 'Function', 'Array', 'Date', 'Promise', 'RegExp', 'Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef'],
  ['ArrayBuffer', 'SharedArrayBuffer', 'DataView', 'Uint8Array', 'Uint8ClampedArray', 'Uint16Array'],
  ['Uint32Array', 'Int8Array', 'Int16Array', 'Int32Array', 'Float32Array', 'Float64Array', 'BigInt64Array'],
  ['BigUint64Array', 'AbortController', 'AbortSignal', 'DOMException', 'Event', 'EventTarget', 'URL'],
  ['URLSearchParams', 'Headers', 'Request', 'Response', 'FormData', 'Blob', 'ReadableStream'],
].flat();

/**
 * Tests run in a realm of their own, with their own `Error`, `Array` and so on, while Node makes its objects
 * with those of the host: `error instanceof Error` is false for a refused connection or an aborted fetch, and
 * libraries take other paths than in production. Here the realm's built-ins accept the host's instances too.
 */
export default class SharedBuiltInsEnvironment extends NodeEnvironment {
  async setup() {
    await super.setup();
    for (const name of BUILT_INS) accept(this.global[name], globalThis[name]);
  }
}

const ordinary = Function.prototype[Symbol.hasInstance];

function accept(inner, outer) {
  if (typeof inner !== 'function' || typeof outer !== 'function' || inner === outer) return;
  Object.defineProperty(inner, Symbol.hasInstance, {
    configurable: true,
    value(candidate) {
      // Classes inherit this from the built-in that they extend; for them the ordinary answer is the right one.
      return ordinary.call(this, candidate) || (this === inner && ordinary.call(outer, candidate));
    },
  });
}
