/** What a `text` column can hold: a reason may quote anything, U+0000 too. */
export function plainText(text: string): string {
  return text.replaceAll('\u0000', '\ufffd');
}
