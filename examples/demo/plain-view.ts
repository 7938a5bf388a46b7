import type { Progress, View } from './progress.ts';

const everyMs = 1_000;

/** One line a second, for logs and pipes. */
export class PlainView implements View {
  readonly #output: NodeJS.WritableStream;
  #shownAt = 0;
  #shown = '';

  constructor(output: NodeJS.WritableStream) {
    this.#output = output;
  }

  say(text: string): void {
    this.#output.write(`${text}\n`);
  }

  show(progress: Progress): void {
    if (Date.now() - this.#shownAt < everyMs) return;
    this.#shownAt = Date.now();
    const text = lineOf(progress);
    if (text !== this.#shown) this.say(text);
    this.#shown = text;
  }

  close(): void {}
}

export function lineOf(progress: Progress): string {
  const { total, published, confirmed, inRetry, handled, deadLettered, publisher, consumer } = progress;
  return [
    `published ${published}/${total}`,
    `confirmed ${confirmed}`,
    `in retry ${inRetry}`,
    `handled ${handled}`,
    `dead-lettered ${deadLettered}`,
    `connections: publisher ${publisher}, consumer ${consumer}`,
  ].join(' | ');
}
