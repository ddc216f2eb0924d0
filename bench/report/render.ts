import { type Findings, type Goal, isMet, type Line } from './scenario.ts';

/** Findings as Markdown, which reads well in a terminal too. */
export function renderFindings({ title, how, tables, goals }: Findings): string {
  const parts = [
    `## ${title}`,
    how,
    ...tables.map(({ caption, lines }) => `${caption}\n\n${renderTable(lines)}`),
  ];
  if (goals.length > 0) parts.push(renderGoals(goals));
  return parts.join('\n\n');
}

function renderTable(lines: readonly Line[]): string {
  const columns = [...new Set(lines.flatMap((line) => Object.keys(line.numbers)))];
  const rows = lines.map((line) => [line.name, ...columns.map((column) => format(line.numbers[column]))]);
  return alignRows([['', ...columns], ...rows]);
}

function renderGoals(goals: readonly Goal[]): string {
  const rows = goals.map((goal) => [
    isMet(goal) ? 'PASS' : 'MISS',
    goal.what,
    `${format(goal.actual)} ${goal.unit}`.trim(),
    `${goal.must.replace('be ', '').replace('be', 'exactly')} ${format(goal.limit)} ${goal.unit}`.trim(),
  ]);
  return alignRows([['', 'goal', 'measured', 'wanted'], ...rows]);
}

/** A column whose every cell is a number stands to the right. */
function alignRows([head = [], ...rows]: readonly string[][]): string {
  const columns = head.map((name, column) => {
    const cells = rows.map((row) => row[column] ?? '');
    const isRight = cells.length > 0 && cells.every(isNumeric);
    return { isRight, width: Math.max(3, name.length, ...cells.map((cell) => cell.length)) };
  });
  const lineOf = (cells: readonly string[]) => {
    const padded = columns.map(({ isRight, width }, column) => {
      const cell = cells[column] ?? '';
      return isRight ? cell.padStart(width) : cell.padEnd(width);
    });
    return `| ${padded.join(' | ')} |`;
  };
  const rule = columns.map(({ isRight, width }) =>
    isRight ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  );
  return [lineOf(head), lineOf(rule), ...rows.map(lineOf)].join('\n');
}

function isNumeric(cell: string): boolean {
  return /^-?[\d,.]+( ?(?:ms|%|×|MB))?$/.test(cell);
}

function format(value: number | string | undefined): string {
  if (typeof value !== 'number') return value ?? '';
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}
