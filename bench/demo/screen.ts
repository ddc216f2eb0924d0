type Style = 'plain' | 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

interface Printed {
  text: string;
  style: Style;
  /** Text of the model, which a `reset-step` takes back. */
  isModels: boolean;
}

const CODES: Record<Style, string> = {
  plain: '',
  bold: '\u001b[1m',
  dim: '\u001b[2m',
  red: '\u001b[31m',
  green: '\u001b[32m',
  yellow: '\u001b[33m',
  cyan: '\u001b[36m',
};
const STRUCK = '\u001b[2;9m';
const END = '\u001b[0m';

/**
 * The terminal. It remembers what it printed of the current turn, so that it can strike out what a `reset-step`
 * supersedes; where there is no terminal to draw on, it says so in words.
 */
export class Screen {
  readonly #out: NodeJS.WriteStream;
  readonly #canDraw: boolean;
  #turn: Printed[] = [];
  #atLineStart = true;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.#canDraw = out.isTTY && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
  }

  /** A line of the narrator. */
  line(text = '', style: Style = 'plain'): void {
    this.#endLine();
    this.#print({ text: `${text}\n`, style, isModels: false });
  }

  /** Text of the model, as it comes. */
  say(text: string, style: Style = 'plain'): void {
    this.#print({ text, style, isModels: true });
  }

  /** Something of the model on a line of its own. */
  sayLine(text: string, style: Style): void {
    this.#endLine();
    this.say(`${text}\n`, style);
  }

  /** What comes now can be superseded; what came before cannot any more. */
  beginTurn(): void {
    this.#endLine();
    this.#turn = [];
  }

  /** Strikes out what the model said since `beginTurn`. */
  supersede(): void {
    this.#endLine();
    const printed = this.#turn;
    const rows = rowsOf(printed, this.#out.columns || 80);
    this.#turn = [];
    if (this.#canDraw && rows < (this.#out.rows || 24)) {
      this.#out.write(`\u001b[${rows}A\r\u001b[J`);
      for (const item of printed) this.#write(item.text, item.isModels ? STRUCK : CODES[item.style]);
      return;
    }
    const words = printed.filter((item) => item.isModels).flatMap((item) => item.text.match(/\S+/g) ?? []);
    this.#write(`    [superseded: the last ${words.length} words above, from "${words[0] ?? ''}" on]\n`, '');
  }

  #endLine(): void {
    if (!this.#atLineStart) this.#print({ text: '\n', style: 'plain', isModels: false });
  }

  #print(item: Printed): void {
    this.#turn.push(item);
    this.#atLineStart = item.text.endsWith('\n');
    this.#write(item.text, CODES[item.style]);
  }

  #write(text: string, code: string): void {
    this.#out.write(this.#canDraw && code !== '' ? `${code}${text}${END}` : text);
  }
}

/** How many rows of the terminal this took, with the lines that it broke. */
function rowsOf(printed: readonly Printed[], columns: number): number {
  const lines = printed
    .map((item) => item.text)
    .join('')
    .split('\n')
    .slice(0, -1);
  return lines.reduce((rows, line) => rows + Math.max(1, Math.ceil([...line].length / columns)), 0);
}
