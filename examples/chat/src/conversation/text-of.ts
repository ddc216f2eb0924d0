import type { ChatMessage } from '../server/load-messages.ts';

/** The text of a message, without all else that is in it. */
export function textOf({ parts }: ChatMessage): string {
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}
