import type { GlobalFlags } from './action.ts';
import { PipeClosedError } from './cancellation.ts';
import type { Context } from './context.ts';
import { UsageError } from './usage-error.ts';

export type OutputFormat = 'text' | 'json' | 'ndjson';

/**
 * Where results go: standard output, as text for people or as JSON for programs. Every write waits for its reader.
 *
 * `--ndjson` prints one line for each record, as soon as it is known. `--json` prints one document: an array of the
 * records, or the one value there is.
 */
export class Output {
  readonly format: OutputFormat;
  readonly #context: Context;
  #records = 0;

  /** @throws {UsageError} both `--json` and `--ndjson` */
  constructor(context: Context, flags: GlobalFlags) {
    if (flags.json === true && flags.ndjson === true) throw new UsageError('--json and --ndjson exclude each other');
    this.format = flags.json === true ? 'json' : flags.ndjson === true ? 'ndjson' : 'text';
    this.#context = context;
  }

  /** One of many results. `text` may have many lines; an empty one is not printed. After the last comes `end()`. */
  async record(value: unknown, text: () => string): Promise<void> {
    this.#records += 1;
    if (this.format === 'text') await this.text(text());
    else if (this.format === 'ndjson') await this.#write(`${JSON.stringify(value)}\n`);
    else await this.#write(`${this.#records === 1 ? '[\n' : ',\n'}${JSON.stringify(value)}`);
  }

  /** No more records come. */
  async end(): Promise<void> {
    if (this.format === 'json') await this.#write(this.#records === 0 ? '[]\n' : '\n]\n');
  }

  /** The only result. */
  async value(value: unknown, text: () => string): Promise<void> {
    if (this.format === 'text') await this.text(text());
    else await this.#write(`${JSON.stringify(value, undefined, this.format === 'json' ? 2 : 0)}\n`);
  }

  /** For people only: nothing where JSON was asked for. */
  async text(text: string): Promise<void> {
    if (this.format === 'text' && text !== '') await this.#write(`${text}\n`);
  }

  #write(text: string): Promise<void> {
    return written(this.#context, text);
  }
}

/**
 * Resolves once the text was handed to the system.
 *
 * @throws {PipeClosedError} its reader has gone
 */
export function written({ stdout }: Context, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stdout.write(text, (error) => {
      if (error === null || error === undefined) resolve();
      else reject((error as NodeJS.ErrnoException).code === 'EPIPE' ? new PipeClosedError() : error);
    });
  });
}
