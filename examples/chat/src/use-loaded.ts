import { useEffect, useState } from 'react';

export interface Loaded<T> {
  value: T | undefined;
  error: Error | undefined;
  again(): void;
}

/** Loads something when the page shows it. @param load the same function for the same thing */
export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const [result, setResult] = useState<{ value?: T; error?: Error }>({});
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    const settle = (next: { value?: T; error?: Error }) => isCurrent && setResult(next);
    load().then(
      (value) => settle({ value }),
      (error: Error) => settle({ error }),
    );
    return () => {
      isCurrent = false;
    };
  }, [load, tries]);
  return { value: result.value, error: result.error, again: () => setTries(tries + 1) };
}
