import type { Progress, View } from './progress.ts';

type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'none';
type Segment = readonly [text: string, colour: Colour];

const codes = { green: 32, yellow: 33, red: 31, dim: 2 } as const;

/** A few lines at the bottom of the terminal that are drawn again in place; what happened scrolls above them. */
export class TerminalView implements View {
  readonly #output: NodeJS.WriteStream;
  readonly #coloured: boolean;
  #drawn = 0;
  #last: Progress | undefined;

  constructor(output: NodeJS.WriteStream, coloured: boolean) {
    this.#output = output;
    this.#coloured = coloured;
  }

  say(text: string): void {
    this.#erase();
    this.#output.write(`${text}\n`);
    if (this.#last !== undefined) this.show(this.#last);
  }

  show(progress: Progress): void {
    this.#last = progress;
    const columns = Math.max(20, this.#output.columns || 80);
    const lines = linesOf(progress, columns).map((line) => this.#paint(cut(line, columns - 1)));
    this.#erase();
    this.#output.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }

  close(): void {
    this.#erase();
    this.#last = undefined;
  }

  #erase(): void {
    if (this.#drawn > 0) this.#output.write(`\u001B[${this.#drawn}A\u001B[J`);
    this.#drawn = 0;
  }

  #paint(line: readonly Segment[]): string {
    return line
      .map(([text, colour]) =>
        this.#coloured && colour !== 'none' ? `\u001B[${codes[colour]}m${text}\u001B[0m` : text,
      )
      .join('');
  }
}

function linesOf(progress: Progress, columns: number): Segment[][] {
  const { total, published, confirmed, inRetry, handled, deadLettered, publisher, consumer } = progress;
  return [
    [['', 'none']],
    bar(progress, Math.min(60, columns - 12)),
    [
      [`handled ${handled}`, 'green'],
      ['  ', 'none'],
      [`in retry ${inRetry}`, inRetry > 0 ? 'yellow' : 'dim'],
      ['  ', 'none'],
      [`dead-lettered ${deadLettered}`, deadLettered > 0 ? 'red' : 'dim'],
    ],
    [[`published ${published} of ${total}  confirmed ${confirmed}`, 'none']],
    [
      ['connections: publisher ', 'dim'],
      [publisher, publisher === 'open' ? 'green' : 'red'],
      [', consumer ', 'dim'],
      [consumer, consumer === 'open' ? 'green' : 'red'],
    ],
  ];
}

/** Each part is rounded down on its own, so that the bar is full only when everything is accounted for. */
function bar({ total, handled, deadLettered, inRetry }: Progress, width: number): Segment[] {
  const cells = (count: number): number => Math.floor((count / total) * width);
  const settled = cells(handled + deadLettered);
  const dead = deadLettered > 0 ? Math.max(1, cells(deadLettered)) : 0;
  const retry = Math.min(width - settled, inRetry > 0 ? Math.max(1, cells(inRetry)) : 0);
  return [
    ['█'.repeat(Math.max(0, settled - dead)), 'green'],
    ['█'.repeat(Math.min(dead, settled)), 'red'],
    ['▒'.repeat(retry), 'yellow'],
    ['░'.repeat(width - settled - retry), 'dim'],
    [` ${Math.floor(((handled + deadLettered) / total) * 100)} %`, 'none'],
  ];
}

/** A longer line would wrap, and be drawn again on top of something else. */
function cut(line: readonly Segment[], columns: number): Segment[] {
  let room = columns;
  return line.map(([text, colour]) => {
    const shown = text.slice(0, room);
    room -= shown.length;
    return [shown, colour];
  });
}
