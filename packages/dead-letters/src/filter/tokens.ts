import { FilterError } from './filter-error.ts';

/** One piece of a filter's text, and where it begins. */
export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly at: number }
  | { readonly kind: 'string'; readonly text: string; readonly at: number }
  | { readonly kind: 'regex'; readonly source: string; readonly flags: string; readonly at: number }
  | { readonly kind: 'sign'; readonly text: Sign; readonly at: number }
  | { readonly kind: 'end'; readonly at: number };

export type Sign = '=' | '!=' | '<' | '<=' | '>' | '>=' | '~' | '(' | ')' | ',';

const space = /\s+/y;
const sign = /!=|<=|>=|[=<>~(),]/y;
const quoted = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/sy;
const regex = /\/((?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([A-Za-z]*)/y;
/** A name, a path, a number, a date. Quotes belong to it after a dot or a bracket only: `header."my header"`. */
const word = /(?:(?<=[.[])(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|[^\s()=<>~!,'"])+/sy;

/** @throws {FilterError} for what is no piece of a filter */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text) ?? undefined;
  };
  while (at < text.length) {
    const found = take(space);
    const length = found === undefined ? addToken(tokens, { text, at, take }) : found[0].length;
    at += length;
  }
  tokens.push({ kind: 'end', at });
  return tokens;
}

interface Reading {
  readonly text: string;
  readonly at: number;
  readonly take: (pattern: RegExp) => RegExpExecArray | undefined;
}

/** @returns how long it is */
function addToken(tokens: Token[], { text, at, take }: Reading): number {
  if (text[at] === '/' && isMatches(tokens.at(-1))) {
    const found = take(regex);
    if (found === undefined) throw new FilterError('this regular expression has no end', text, at);
    const [whole, source = '', flags = ''] = found;
    tokens.push({ kind: 'regex', source, flags, at });
    return whole.length;
  }
  const string = take(quoted);
  if (string !== undefined) {
    const [whole, single, double = ''] = string;
    tokens.push({ kind: 'string', text: unescaped(single ?? double), at });
    return whole.length;
  }
  if (text[at] === '"' || text[at] === "'") throw new FilterError('this quote has no end', text, at);
  const [mark] = take(sign) ?? [];
  if (mark !== undefined) {
    tokens.push({ kind: 'sign', text: mark as Sign, at });
    return mark.length;
  }
  const [name] = take(word) ?? [];
  if (name === undefined) throw new FilterError(`${JSON.stringify(text[at])} means nothing here`, text, at);
  tokens.push({ kind: 'word', text: name, at });
  return name.length;
}

function isMatches(token: Token | undefined): boolean {
  return token?.kind === 'word' && token.text.toLowerCase() === 'matches';
}

/** What stands after a backslash is meant as it stands, a line break and a tab excepted. */
export function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gs, (_whole, escaped: string) => ({ n: '\n', t: '\t' })[escaped] ?? escaped);
}
