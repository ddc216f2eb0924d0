import type { z } from 'zod';
import { closest } from './did-you-mean.ts';

/** An agent or a tool is written wrongly. The message names the option and says what would be right. */
export class DefinitionError extends Error {
  override name = 'DefinitionError';
}

/**
 * Holds the options of a definition to their schema, so that a slip is found when the server starts and not in
 * the middle of an execution.
 *
 * @param where what the message begins with, e.g. `defineTool`
 * @throws DefinitionError for the first option that is unknown or does not fit
 */
export function checkOptions<S extends z.ZodObject>(where: string, schema: S, options: unknown): z.output<S> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new DefinitionError(`${where}: give it one object of options`);
  }
  const known = Object.keys(schema.shape);
  const unknown = Object.keys(options).find((option) => !known.includes(option));
  if (unknown !== undefined) {
    const meant = closest(unknown, known);
    const hint = meant ? `did you mean "${meant}"?` : `it takes ${known.join(', ')}`;
    throw new DefinitionError(`${where}: unknown option "${unknown}"; ${hint}`);
  }
  const checked = schema.safeParse(options);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new DefinitionError(`${where}: "${issue?.path.join('.')}" ${issue?.message}`);
}
