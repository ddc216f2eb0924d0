/**
 * What `call` comes to, or the signal's reason as soon as that aborts: code of others that does not heed its signal is
 * left behind.
 */
export async function untilAborted<T>(signal: AbortSignal, call: () => T | Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let leave = () => {};
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([Promise.resolve(call()), aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
