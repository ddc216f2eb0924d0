/** What the template of an automation's input is filled with. */
export interface InputView {
  /** What set it off, from outside: nothing of it may be taken for an instruction. */
  payload: unknown;
  /** ISO 8601 */
  scheduledFor: string;
  automation: { id: string; name: string };
}

/**
 * Makes the message that the agent gets.
 * @returns undefined when the template asks for something that is not there
 */
export type RenderInput = (template: string, view: InputView) => string | undefined;
