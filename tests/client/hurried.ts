import type { Environment } from '../../packages/client/src/http/environment.ts';

/** A client that waits between its tries for as short as it may. */
export const HURRIED: Partial<Environment> = { random: () => 0 };
