/** Who acts: what a request shows who it is by, a command of the command line, or Outlast itself. */
export const ACTOR_KINDS = ['open', 'api-key', 'user', 'token', 'session', 'command', 'system'] as const;
export type ActorKind = (typeof ACTOR_KINDS)[number];

/** Who did something. Whose things they did it to is another matter. */
export interface Actor {
  readonly kind: ActorKind;
  /** Of the key, the user, the token or the session; a key of a user's acts as itself. */
  readonly id: string;
  /** By what people know it: the prefix of a key; for a token, who gave it away; for a session, its app. */
  readonly via?: string | undefined;
  /** Of the request in which they did it. */
  readonly requestId?: string | undefined;
}

/** Somebody at the command line, who is asked for no name. */
export const COMMAND: Actor = Object.freeze({ kind: 'command', id: 'command' });

/** Who acts in a scope. Where nobody asked for it, Outlast itself does, in the owner's name. */
export function actorIn({ actor, ownerId }: { actor?: Actor; ownerId: string }): Actor {
  return actor ?? { kind: 'system', id: ownerId };
}
