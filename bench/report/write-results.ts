import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.ts';
import { renderFindings } from './render.ts';
import { type Findings, isMet } from './scenario.ts';

const FOLDER = fileURLToPath(new URL('../results/', import.meta.url));

/** Keeps the results of a whole run under its date; a second run on that day takes the place of the first. */
export async function writeResults(
  machine: Machine,
  findings: ReadonlyMap<string, Findings>,
): Promise<string> {
  const name = `${FOLDER}${machine.date.slice(0, 10)}`;
  await mkdir(FOLDER, { recursive: true });
  await writeFile(`${name}.md`, asMarkdown(machine, findings));
  await writeFile(`${name}.json`, `${JSON.stringify(asJson(machine, findings), rounded, 2)}\n`);
  return `${name}.md`;
}

function asMarkdown(machine: Machine, findings: ReadonlyMap<string, Findings>): string {
  const { date, cpu, cpus, memoryGb, kernel, node, postgres, outlast, ai, dbos } = machine;
  const head = [
    `# Measured on ${date.slice(0, 10)}`,
    `\`npm run bench\` · ${cpus} × ${cpu}, ${memoryGb} GB, ${kernel} · Node ${node} · Postgres ${postgres} ` +
      `(embedded, fsync on) · outlast ${outlast}, ai ${ai}, DBOS ${dbos}`,
    'All of it in one run: compare what stands side by side, not numbers of different days or machines.',
  ].join('\n\n');
  return `${[head, ...[...findings.values()].map(renderFindings)].join('\n\n')}\n`;
}

/** Named, not listed: a result is looked up by what it is. */
function asJson(machine: Machine, findings: ReadonlyMap<string, Findings>): object {
  const scenarios = [...findings].map(([name, { tables, goals }]) => {
    const lines = tables.map(({ caption, lines }) => [
      caption,
      Object.fromEntries(lines.map((line) => [line.name, line.numbers])),
    ]);
    const verdicts = goals.map((goal) => [
      goal.what,
      { actual: goal.actual, must: goal.must, limit: goal.limit, unit: goal.unit, met: isMet(goal) },
    ]);
    return [name, { measured: Object.fromEntries(lines), goals: Object.fromEntries(verdicts) }];
  });
  return { machine, scenarios: Object.fromEntries(scenarios) };
}

/** A thousandth of a millisecond is more than can be known. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
}
