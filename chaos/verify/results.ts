import type { Stored } from './evidence.ts';

/** What the model was told of the calls, in their order: what the demo model says at the end of its script. */
export function resultsOf({ calls }: Pick<Stored, 'calls'>): unknown[] {
  return calls.map(({ status, output, errorText }) => {
    if (status === 'completed') return output;
    return status === 'denied' ? { denied: errorText } : { error: errorText };
  });
}
