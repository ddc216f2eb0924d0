import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.ts';
import { renderFindings } from './render.ts';
import { type Findings, type Goal, isMet } from './scenario.ts';

const FOLDER = fileURLToPath(new URL('../results/', import.meta.url));

/** What was found out of a scenario, and when. */
type Kept = Findings & { readonly at: string };

/** All that is known of a day. */
interface Day {
  readonly machine: Machine;
  readonly scenarios: Record<string, Kept>;
}

/**
 * Keeps a result under its date: a scenario that is measured again on that day takes the place of its former self,
 * the others stay. On another machine or with other versions the day begins anew.
 * @param names of all scenarios there are, in their order
 */
export async function keepResult(
  machine: Machine,
  scenario: { name: string; found: Findings },
  names: readonly string[],
): Promise<string> {
  const at = new Date().toISOString();
  const file = `${FOLDER}${at.slice(0, 10)}`;
  await mkdir(FOLDER, { recursive: true });
  const former = await readDay(`${file}.json`);
  const kept = former !== undefined && isSame(former.machine, machine) ? former.scenarios : {};
  const all: Record<string, Kept> = { ...kept, [scenario.name]: { at, ...scenario.found } };
  const scenarios = Object.fromEntries(
    names.flatMap((name) => (name in all ? [[name, all[name] as Kept]] : [])),
  );
  const day = { machine, scenarios };
  await writeFile(`${file}.json`, `${JSON.stringify(day, forJson, 2)}\n`);
  await writeFile(`${file}.md`, asMarkdown(day));
  return `${file}.md`;
}

async function readDay(file: string): Promise<Day | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Day);
}

function isSame({ date: _, ...a }: Machine, { date: __, ...b }: Machine): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function asMarkdown({ machine, scenarios }: Day): string {
  const { date, cpu, cpus, memoryGb, kernel, node, postgres, outlast, ai, dbos } = machine;
  const parts = [
    `# Measured on ${date.slice(0, 10)}`,
    `\`npm run bench\` · ${cpus} × ${cpu}, ${memoryGb} GB, ${kernel} · Node ${node} · Postgres ${postgres} ` +
      `(embedded, fsync on) · outlast ${outlast}, ai ${ai}, DBOS ${dbos}`,
    'Compare what stands side by side in a table, not numbers of different days or machines.',
    ...Object.entries(scenarios).map(
      ([name, found]) =>
        `${renderFindings(found)}\n\n\`npm run bench -- ${name}\`, ${found.at.slice(11, 16)} UTC`,
    ),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** A thousandth of a millisecond is more than can be known; a goal says whether it was met. */
function forJson(key: string, value: unknown): unknown {
  if (key === 'goals') return (value as Goal[]).map((goal) => ({ ...goal, met: isMet(goal) }));
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
}
