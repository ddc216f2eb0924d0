import { ask } from '../http/client.ts';

/** One scrape: values by name and labels, as they are written, and the types by name. */
export interface Scrape {
  readonly types: Record<string, string>;
  readonly samples: ReadonlyMap<string, number>;
  /** The value of a sample that has to be there. */
  value(sample: string): number;
}

export async function scrape(url: string): Promise<Scrape> {
  const answer = await ask(url, '/metrics');
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return parseScrape(answer.text);
}

export function parseScrape(text: string): Scrape {
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]);
  const samples = new Map(
    [...text.matchAll(/^([^#\s].*) (\S+)$/gm)].map(([, sample = '', value]) => [sample, Number(value)]),
  );
  const value = (sample: string) => {
    const found = samples.get(sample);
    if (found === undefined) throw new Error(`There is no ${sample} in\n${text}`);
    return found;
  };
  return { types: Object.fromEntries(types), samples, value };
}
