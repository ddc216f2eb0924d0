import type { RenderInput } from './render-input.ts';

/** The input as it is: what set the automation off is not told to the agent. */
export const renderPlain: RenderInput = (template) => template;
