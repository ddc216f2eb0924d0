import { z } from 'zod';
import { DefinitionError } from './check-options.ts';
import type { AnyTool } from './define-tool.ts';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

/**
 * What a tool's input is, in the words that models and people's forms understand: what has to be given, so
 * before defaults and transforms.
 *
 * @throws DefinitionError if zod has no JSON Schema for it, e.g. for a date
 */
export function inputJsonSchema(tool: AnyTool, where = 'tool'): JsonSchema {
  try {
    return z.toJSONSchema(tool.inputSchema, { io: 'input' });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DefinitionError(`${where}: "inputSchema" cannot be written as JSON Schema: ${reason}`, {
      cause,
    });
  }
}
