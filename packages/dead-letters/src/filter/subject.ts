import type { DeadMessage } from '../dead-message.ts';
import { parseExactly } from './exact-numbers.ts';

const utf8 = new TextDecoder();

/** A message while a filter looks at it: its body is decoded once, and only where the filter asks for it. */
export class Subject {
  readonly message: DeadMessage;
  #text: string | undefined;
  #json: { readonly value: unknown } | undefined;

  constructor(message: DeadMessage) {
    this.message = message;
  }

  /** The body as UTF-8; what is none shows replacement characters. */
  get text(): string {
    this.#text ??= utf8.decode(this.message.content);
    return this.#text;
  }

  /** Whatever its content type says, its numbers exactly; undefined where the body is no JSON. */
  get json(): unknown {
    this.#json ??= { value: parsed(this.text) };
    return this.#json.value;
  }
}

function parsed(text: string): unknown {
  try {
    return parseExactly(text);
  } catch {
    return undefined;
  }
}
