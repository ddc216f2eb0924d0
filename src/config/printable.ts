/** JSON's own way to write what a terminal would obey; escaped backslashes are taken along, so as not to be half of one. */
const ESCAPED = /\\(?:\\|u00[01][0-9a-f]|[bfr])/gi;
/** What JSON leaves as it is: delete, the second set of control characters, line separators, changes of direction. */
const RAW = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Every string as a whole, with the colon of those that are names: such a one is printed as it is. */
const STRING = /"(?:[^"\\]|\\.)*"(:?)/g;

/**
 * A line of JSON whose texts stay what they are, but for characters that would draw something else than text: these
 * become `\u001b` to the letter. Line feeds of values stay, for stacks have them: JSON escapes them, and a pretty log
 * indents them.
 */
export function printable(line: string): string {
  return line
    .replace(STRING, (text, colon) => (colon === ':' ? text.replaceAll('\\n', '\\\\n') : text))
    .replace(ESCAPED, (escape) => (escape === '\\\\' ? escape : `\\${escape}`))
    .replace(RAW, (character) => `\\\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
