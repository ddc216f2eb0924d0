import type { Actor } from '../audit/actor.ts';

/** An automation, as what it does by itself is written down: in its owner's name, but the owner did not do it. */
export function automationActor(automationId: string): Actor {
  return { kind: 'system', id: `automation:${automationId}` };
}
