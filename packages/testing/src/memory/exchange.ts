import type { HeaderTable } from '@surehop/core';
import type { BindingDeclaration, ExchangeDeclaration } from '@surehop/core/internal';
import { deathHeaders } from './death.ts';
import type { Message } from './message.ts';
import type { Release } from './release.ts';

interface Binding extends BindingDeclaration {
  /** The binding key's words, of a topic exchange. */
  readonly words: readonly string[];
}

/** Tells which queues are bound for a message. */
export class Exchange {
  readonly declaration: ExchangeDeclaration;
  readonly #release: Release;
  readonly #bindings: Binding[] = [];

  constructor(declaration: ExchangeDeclaration, release: Release) {
    this.declaration = declaration;
    this.#release = release;
  }

  get alternate(): string | undefined {
    const name = this.declaration.arguments['alternate-exchange'];
    return typeof name === 'string' ? name : undefined;
  }

  bind(binding: BindingDeclaration): void {
    const isSame = (one: Binding): boolean =>
      one.queue === binding.queue &&
      one.routingKey === binding.routingKey &&
      JSON.stringify(one.arguments) === JSON.stringify(binding.arguments);
    if (!this.#bindings.some(isSame)) this.#bindings.push({ ...binding, words: binding.routingKey.split('.') });
  }

  /** Without a routing key: everything that leads to the queue. */
  unbind(queue: string, routingKey?: string): void {
    const kept = this.#bindings.filter(
      (one) => one.queue !== queue || (routingKey !== undefined && one.routingKey !== routingKey),
    );
    this.#bindings.length = 0;
    this.#bindings.push(...kept);
  }

  /** Each queue once. */
  queuesFor(message: Message): string[] {
    const found: string[] = [];
    for (const binding of this.#bindings) {
      if (!found.includes(binding.queue) && this.#fits(binding, message)) found.push(binding.queue);
    }
    return found;
  }

  #fits(binding: Binding, message: Message): boolean {
    switch (this.declaration.type) {
      case 'fanout':
        return true;
      case 'direct':
        return binding.routingKey === message.routingKey;
      case 'topic':
        return fitsTopic(binding.words, message.routingKey.split('.'));
      case 'headers':
        return fitsHeaders(binding.arguments, { ...message.headers, ...deathHeaders(message, this.#release) });
    }
  }
}

/** `*` is one word, `#` any number of words. */
function fitsTopic(pattern: readonly string[], words: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return words.length === 0;
  if (first === '#') return fitsTopic(rest, words) || (words.length > 0 && fitsTopic(pattern, words.slice(1)));
  return words.length > 0 && (first === '*' || first === words[0]) && fitsTopic(rest, words.slice(1));
}

function fitsHeaders(wanted: HeaderTable, headers: HeaderTable): boolean {
  const match = wanted['x-match'] ?? 'all';
  const withX = match === 'all-with-x' || match === 'any-with-x';
  const names = Object.keys(wanted).filter((name) => (withX ? name !== 'x-match' : !name.startsWith('x-')));
  // A binding's value of null asks for nothing but the header itself.
  const fits = (name: string): boolean =>
    Object.hasOwn(headers, name) && (wanted[name] === null || wanted[name] === headers[name]);
  return match === 'any' || match === 'any-with-x' ? names.some(fits) : names.every(fits);
}
