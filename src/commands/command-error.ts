/** What is wrong with a command as it was typed; its message is all that is shown. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
