/** A word in a request that stands for something of the server, or for something long, until it is sent. */
const REFERENCE = /⟦(\w[\w-]*):(\d+)⟧/g;
const PROSE = 300;
/** Of each kind: what came first is kept, for it was made on purpose; of the rest the newest. */
const KEPT = 60;

/** `⟦executionId:7⟧`: an execution that the server has told of. The same request can so be sent to any server. */
export function reference(kind: string, no: number): string {
  return `⟦${kind}:${no}⟧`;
}

/** Which kind of thing an id in a path is of: `/executions/{id}` is about an `executionId`. */
export function kindOfPath(path: string, name: string): string {
  const collection = path.split('/').findLast((_, i, parts) => parts[i + 1] === `{${name}}`) ?? '';
  const chat = path.startsWith('/api/chat/') ? 'threadId' : undefined;
  return name === 'id' ? (chat ?? `${singular(collection)}Id`) : name;
}

/** The ids, cursors and hashes that a server has told of, so that requests lead to real things, foreign ones too. */
export class Things {
  readonly #known = new Map<string, string[]>();

  add(kind: string, value: string): void {
    const known = this.#known.get(kind) ?? [];
    if (known.includes(value)) return;
    known.push(value);
    if (known.length > KEPT) known.splice(KEPT / 2, 1);
    this.#known.set(kind, known);
  }

  /** Takes up everything short that the answer from a path says, under the names that it has there. */
  learn(path: string, document: unknown): void {
    const collection = path
      .replace(/\?.*/, '')
      .split('/')
      .findLast((part) => /^[a-z]+s$/.test(part));
    this.#learn(singular(collection ?? ''), document);
  }

  /** The request's text with its references replaced; one to what is not known yet becomes a word. */
  resolve(text: string): string {
    return text.replaceAll(REFERENCE, (_, kind: string, no: string) => {
      if (kind === 'long') return 'x'.repeat(Number(no));
      const known = this.#known.get(kind) ?? [];
      return known[Number(no) % known.length] ?? 'unknown';
    });
  }

  #learn(owner: string, value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      const name = Array.isArray(value) ? owner : key;
      if (typeof inner !== 'string') this.#learn(name === 'data' ? owner : singular(name), inner);
      else if (isPlain(inner)) this.add(key === 'id' ? `${owner}Id` : key, inner);
    }
  }
}

/** What can stand anywhere in a request as it is. */
function isPlain(text: string): boolean {
  return text.length < PROSE && /^[A-Za-z0-9_.:~-]+$/.test(text);
}

function singular(collection: string): string {
  return collection.replace(/s$/, '');
}
