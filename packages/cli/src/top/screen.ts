import type { Context } from '../context.ts';

const control = '\u001b[';
const enter = `${control}?1049h${control}?25l`;
const leave = `${control}?25h${control}?1049l`;

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/**
 * The whole terminal, drawn anew in place. What stood there before comes back when it is closed, whatever ends the
 * program.
 */
export class Screen implements Disposable {
  readonly #context: Context;
  readonly #onResize: () => void;
  readonly #onKey: (bytes: Buffer | string) => void;
  readonly #restore = (): void => void this.#context.stdout.write(leave);

  /**
   * @param events.onResize the terminal has another size
   * @param events.onQuit `q` or Ctrl-C was typed, which is no signal here
   */
  constructor(context: Context, events: { onResize(): void; onQuit(isInterrupt: boolean): void }) {
    this.#context = context;
    const { stdin, stdout } = context;
    this.#onResize = events.onResize;
    this.#onKey = (bytes) => {
      const keys = bytes.toString();
      if (keys.includes('\u0003')) events.onQuit(true);
      else if (/q/i.test(keys)) events.onQuit(false);
    };
    stdout.write(enter);
    stdout.on('resize', this.#onResize);
    process.once('exit', this.#restore);
    if (stdin.isTTY !== true) return;
    stdin.setRawMode?.(true);
    stdin.on('data', this.#onKey);
    stdin.resume();
  }

  get size(): Size {
    const { columns = 80, rows = 24 } = this.#context.stdout;
    return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
  }

  /** Cuts what is more than fits. */
  draw(lines: readonly string[]): void {
    const text = lines
      .slice(0, this.size.rows)
      .map((line) => `${line}${control}K`)
      .join('\r\n');
    this.#context.stdout.write(`${control}H${text}${control}J`);
  }

  [Symbol.dispose](): void {
    const { stdin, stdout } = this.#context;
    process.removeListener('exit', this.#restore);
    stdout.removeListener('resize', this.#onResize);
    this.#restore();
    if (stdin.isTTY !== true) return;
    stdin.removeListener('data', this.#onKey);
    stdin.setRawMode?.(false);
    stdin.pause();
  }
}
