/** What the client takes from where it runs. */
export interface Environment {
  /** Milliseconds, of a clock that only goes forward. */
  now(): number;
  /** Milliseconds since 1970: the same for all tabs, and it may be set back. */
  wall(): number;
  /** From 0 up to, but not, 1. */
  random(): number;
  /** Calls once, after so many milliseconds, unless it is called off with what it gives back. */
  after(ms: number, call: () => void): () => void;
  /** Calls when the network is back, or the page is looked at again. @returns what ends that */
  onWake(call: () => void): () => void;
}

interface Target {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/** The browser, or Node. */
export function hostEnvironment(): Environment {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    random: () => Math.random(),
    after: (ms, call) => {
      const timer = setTimeout(call, ms);
      return () => clearTimeout(timer);
    },
    onWake,
  };
}

function onWake(call: () => void): () => void {
  const { document, window } = globalThis as {
    document?: Target & { visibilityState: string };
    window?: Target;
  };
  if (document === undefined || window === undefined) return () => undefined;
  const onVisible = () => {
    if (document.visibilityState === 'visible') call();
  };
  window.addEventListener('online', call);
  document.addEventListener('visibilitychange', onVisible);
  return () => {
    window.removeEventListener('online', call);
    document.removeEventListener('visibilitychange', onVisible);
  };
}
