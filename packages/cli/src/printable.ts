/** C0 and C1 control characters, and those that turn the direction of what follows: they can make a terminal lie. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const harmful = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Foreign text on one line of a terminal: what could harm it is written as an escape, as JSON does. */
export function oneLine(text: string): string {
  return text.replaceAll(harmful, (character) => {
    if (character === '\n' || character === '\r' || character === '\t') return ' ';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** The same, on as many lines as it has. */
export function manyLines(text: string): string {
  return text.split(/\r?\n/).map(oneLine).join('\n');
}

export function indented(text: string, by = '  '): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : `${by}${line}`))
    .join('\n');
}

/** A moment as lists show it: `2026-11-27 07:15:00Z`; a dash where there is none. */
export function moment(epochMs: number | undefined): string {
  if (epochMs === undefined) return '-';
  return `${new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
