import { type Agent, get } from 'node:http';

/** Milliseconds from the request. */
export interface Replay {
  /** To the first bytes of row 1. */
  first: number;
  /** To the end. */
  whole: number;
}

/** Reads a stream to its end, and makes sure that every row came, once and in order. */
export function readAll(agent: Agent, url: string, rows: number): Promise<Replay> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const request = get(url, { agent, headers: { accept: 'text/event-stream' } }, (response) => {
      const parts: string[] = [];
      let first: number | undefined;
      response.setEncoding('utf8').on('data', (part: string) => {
        parts.push(part);
        if (part.includes('id: 1\n')) first ??= performance.now() - startedAt;
      });
      response.on('error', reject);
      response.on('end', () => {
        const whole = performance.now() - startedAt;
        const seqs = parts.join('').match(/^id: \d+/gm) ?? [];
        const isWhole = seqs.length === rows && seqs.every((id, i) => id === `id: ${i + 1}`);
        if (first === undefined || !isWhole) reject(new Error(`Not rows 1 to ${rows} from ${url}`));
        else resolve({ first, whole });
      });
    });
    request.on('error', reject);
  });
}
