import {
  type Comparison,
  type Condition,
  compared,
  comparedInTime,
  containing,
  existing,
  matching,
} from './conditions.ts';
import { type Field, fieldOf, knownFields } from './fields.ts';
import { FilterError } from './filter-error.ts';
import { literalOf, stretchOf } from './literals.ts';
import { type Token, tokensOf } from './tokens.ts';

/** Nested deeper, no person reads it; the bound keeps the stack from running out. */
const deepest = 100;
const keywords: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'exists', 'matches']);
const comparisons: ReadonlySet<string> = new Set<Comparison>(['=', '!=', '<', '<=', '>', '>=']);

type Value = Extract<Token, { kind: 'word' | 'string' }>;

/** Reads a filter from left to right: `or` binds less than `and`, and that less than `not`. */
export class Parser {
  readonly #text: string;
  readonly #now: number;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  /** @throws {FilterError} for what is no piece of a filter */
  constructor(text: string, now: number) {
    this.#text = text;
    this.#now = now;
    this.#tokens = tokensOf(text);
  }

  /** @throws {FilterError} where it stops making sense */
  parse(): Condition {
    const condition = this.#either();
    if (this.#token.kind !== 'end') this.#refuse('expected "and", "or" or the end');
    return condition;
  }

  get #token(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #either(): Condition {
    const parts = [this.#all()];
    while (this.#skipKeyword('or')) parts.push(this.#all());
    return (subject) => parts.some((part) => part(subject));
  }

  #all(): Condition {
    const parts = [this.#one()];
    while (this.#skipKeyword('and')) parts.push(this.#one());
    return (subject) => parts.every((part) => part(subject));
  }

  #one(): Condition {
    this.#depth += 1;
    if (this.#depth > deepest) this.#refuse(`it is nested deeper than ${deepest} levels`);
    const condition = this.#negation() ?? this.#group() ?? this.#condition();
    this.#depth -= 1;
    return condition;
  }

  #negation(): Condition | undefined {
    if (!this.#skipKeyword('not')) return undefined;
    const negated = this.#one();
    return (subject) => !negated(subject);
  }

  #group(): Condition | undefined {
    if (!this.#skipSign('(')) return undefined;
    const inside = this.#either();
    if (!this.#skipSign(')')) this.#refuse('expected ")"');
    return inside;
  }

  #condition(): Condition {
    const field = this.#field();
    if (this.#skipKeyword('exists')) return existing(field);
    if (this.#skipKeyword('in')) return this.#list(field);
    if (this.#skipKeyword('matches')) return matching(field, this.#regex());
    if (this.#skipSign('~')) return containing(field, this.#value().text);
    const token = this.#token;
    if (token.kind !== 'sign' || !comparisons.has(token.text)) {
      this.#refuse('expected =, !=, <, <=, >, >=, ~, matches, in or exists');
    }
    this.#next += 1;
    return this.#comparison(field, token.text as Comparison);
  }

  #field(): Field {
    const token = this.#token;
    if (token.kind !== 'word' || keywords.has(token.text.toLowerCase())) this.#refuse('expected the name of a field');
    const field = fieldOf(token.text);
    if (field === undefined) this.#refuse(`there is no such field; known are ${knownFields.join(', ')}`);
    this.#next += 1;
    return field;
  }

  #comparison(field: Field, comparison: Comparison): Condition {
    const at = this.#token;
    const literal = literalOf(this.#value());
    if (field.kind === 'moment') {
      const stretch = stretchOf(literal.text, this.#now);
      if (stretch === undefined) this.#refuse('expected a time, such as 2026-03-01, 2026-03-01T12:30Z or -2h', at);
      return comparedInTime(field, comparison, stretch);
    }
    if (field.kind === 'number' && literal.number === undefined) this.#refuse('expected a number', at);
    // What a text is compared with is text, whatever it looks like; what a publisher made may be either.
    return compared(field, comparison, field.kind === 'text' ? { ...literal, number: undefined } : literal);
  }

  #list(field: Field): Condition {
    if (!this.#skipSign('(')) this.#refuse('expected "(" after in');
    const parts = [this.#comparison(field, '=')];
    while (this.#skipSign(',')) parts.push(this.#comparison(field, '='));
    if (!this.#skipSign(')')) this.#refuse('expected "," or ")"');
    return (subject) => parts.some((part) => part(subject));
  }

  #value(): Value {
    const token = this.#token;
    if (token.kind !== 'word' && token.kind !== 'string') this.#refuse('expected a value');
    if (token.kind === 'word' && keywords.has(token.text.toLowerCase())) {
      this.#refuse(`expected a value; "${token.text}" has a meaning of its own and must be quoted as one`);
    }
    this.#next += 1;
    return token;
  }

  #regex(): RegExp {
    const token = this.#token;
    if (token.kind !== 'regex' && token.kind !== 'string') this.#refuse('expected a regular expression, such as /^a/i');
    const [source, flags] = token.kind === 'regex' ? [token.source, token.flags] : [token.text, ''];
    // With these, each test would begin where the one before has ended.
    if (/[gy]/.test(flags)) this.#refuse('a regular expression has no flags g and y here');
    try {
      const regex = new RegExp(source, flags);
      this.#next += 1;
      return regex;
    } catch (cause) {
      return this.#refuse('this is no regular expression', token, cause);
    }
  }

  #skipKeyword(keyword: string): boolean {
    const token = this.#token;
    const isIt = token.kind === 'word' && token.text.toLowerCase() === keyword;
    if (isIt) this.#next += 1;
    return isIt;
  }

  #skipSign(sign: string): boolean {
    const token = this.#token;
    const isIt = token.kind === 'sign' && token.text === sign;
    if (isIt) this.#next += 1;
    return isIt;
  }

  #refuse(why: string, token: Token = this.#token, cause?: unknown): never {
    const end = token.kind === 'end' ? ', not the end' : '';
    throw new FilterError(why + (why.startsWith('expected') ? end : ''), this.#text, token.at, { cause });
  }
}
