import fc from 'fast-check';
import { ask } from '../tests/http/client.ts';
import { checkAnswer } from './answers/check-answer.ts';
import { type FuzzAnswer, type ReadyRequest, sendRequest } from './answers/send-request.ts';
import { type ApiDocument, type Operation, operationsOf } from './document/operations.ts';
import type { FuzzOptions } from './options.ts';
import { curlOf } from './report/curl.ts';
import { SchemaValues } from './requests/from-schema.ts';
import { anyRequest } from './requests/make-request.ts';
import type { FuzzRequest } from './requests/request.ts';
import type { FuzzServer } from './world/fuzz-server.ts';
import { seedThings } from './world/seed-things.ts';

/** A request whose answer was wrong, as small as it could be made. */
export interface Failure {
  operation: string;
  caller: string;
  faults: readonly string[];
  curl: string;
}

export interface Findings {
  sent: number;
  failures: Failure[];
  /** How often each route was answered with each status. */
  statuses: Map<string, Map<number, number>>;
}

/** After so many requests new things are made: of the old ones many are deleted by then. */
const SEED_EVERY = 500;
/** Requests that may be spent on making a failing one smaller. */
const MOST_SHRINKS = 200;
/** More of them tell nothing new. */
const MOST_FAILURES = 25;

/** Sends requests to one server, and goes on after one whose answer is wrong, so that a run tells of all. */
export class Hunt {
  readonly #server: FuzzServer;
  readonly #requests: fc.Arbitrary<FuzzRequest>;
  readonly #operations: Map<string, Operation>;
  readonly #seen = new Set<string>();
  readonly #findings: Findings = { sent: 0, failures: [], statuses: new Map() };
  #shrinks = 0;
  #failing: Failure | undefined;

  private constructor(server: FuzzServer, document: ApiDocument) {
    const operations = operationsOf(document);
    this.#server = server;
    this.#operations = new Map(operations.map((operation) => [operation.name, operation]));
    this.#requests = anyRequest(operations, new SchemaValues(document.components.schemas), [
      ...server.callers.keys(),
    ]);
  }

  /** Knows the routes from what the server itself says. */
  static async begin(server: FuzzServer): Promise<Hunt> {
    const document = (await ask(server.url, '/openapi.json')).json() as unknown as ApiDocument;
    return new Hunt(server, document);
  }

  /** @param tell called now and then with how many requests are through */
  async run(
    { seed, requests }: FuzzOptions,
    tell: (sent: number) => void = () => undefined,
  ): Promise<Findings> {
    const { failures } = this.#findings;
    for (let round = 0; this.#findings.sent < requests && failures.length < MOST_FAILURES; round++) {
      const { sent } = this.#findings;
      tell(sent);
      const until = Math.min(requests, sent + SEED_EVERY);
      await seedThings(this.#server, round);
      for (let part = 0; this.#findings.sent < until && failures.length < MOST_FAILURES; part++) {
        await this.#runSome(seed * 1_000_000 + round * 100 + part, until - this.#findings.sent);
      }
    }
    return this.#findings;
  }

  async #runSome(seed: number, numRuns: number): Promise<void> {
    this.#failing = undefined;
    this.#shrinks = 0;
    const property = fc.asyncProperty(this.#requests, (request) => this.#isSound(request));
    await fc.check(property, { seed, numRuns });
    if (this.#failing === undefined) return;
    this.#findings.failures.push(this.#failing);
    this.#seen.add(kindOf(this.#failing));
  }

  async #isSound(request: FuzzRequest): Promise<boolean> {
    if (this.#failing === undefined) this.#findings.sent += 1;
    else if (++this.#shrinks > MOST_SHRINKS) return true;
    const failure = await this.#try(request);
    if (failure === undefined || this.#seen.has(kindOf(failure))) return true;
    this.#failing = failure;
    return false;
  }

  async #try(request: FuzzRequest): Promise<Failure | undefined> {
    const { url, agent, things } = this.#server;
    const ready = this.#ready(request);
    const answer = await sendRequest(agent, url, ready);
    const { name = '', path = '', statuses } = this.#operations.get(request.operation) ?? {};
    this.#count(name, answer.status);
    if (answer.status >= 200 && answer.status < 300) learnFrom(things, path, answer);
    const faults = checkAnswer(ready.method, answer, request.keepsForm ? statuses : undefined);
    if (faults.length === 0) return undefined;
    return { operation: name, caller: request.caller, faults, curl: curlOf(url, ready) };
  }

  #ready({ caller, method, target, headers, body }: FuzzRequest): ReadyRequest {
    const { callers, things } = this.#server;
    const resolved = headers.map(([name, value]) => [name, things.resolve(value)] as const);
    return {
      method,
      target: things.resolve(target),
      headers: [...Object.entries(callers.get(caller) ?? {}), ...resolved],
      body: body === undefined ? undefined : things.resolve(body),
    };
  }

  #count(operation: string, status: number): void {
    const counts = this.#findings.statuses.get(operation) ?? new Map<number, number>();
    counts.set(status, (counts.get(status) ?? 0) + 1);
    this.#findings.statuses.set(operation, counts);
  }
}

/** By what two failures are one. */
function kindOf({ operation, faults }: Failure): string {
  return `${operation} ${faults[0]?.slice(0, 40)}`;
}

function learnFrom(things: FuzzServer['things'], path: string, { headers, text }: FuzzAnswer): void {
  if (!String(headers['content-type']).startsWith('application/json') || path === '/openapi.json') return;
  things.learn(path, JSON.parse(text));
}
