import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { eventually } from '@surehop/testing';
import { startsFaster } from './command.ts';
import { TerminalImage } from './terminal-image.ts';

const main = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));

export interface PseudoTerminalOptions {
  readonly columns: number;
  readonly rows: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Shows what is to be seen. @default a new one */
  readonly image?: TerminalImage;
}

/** Whether this machine can give a program a terminal: `script` of util-linux. */
export function hasPseudoTerminals(): boolean {
  return spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true;
}

/** The `surehop` command at a terminal, with what it shows there. */
export class PseudoTerminal implements AsyncDisposable {
  readonly image: TerminalImage;
  /** Everything that was written to the terminal. */
  written = '';
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #ended: Promise<number | null>;

  constructor(args: readonly string[], { columns, rows, env = {}, image }: PseudoTerminalOptions) {
    this.image = image ?? new TerminalImage(columns, rows);
    const { AMQP_URL: _url, AMQP_MANAGEMENT_URL: _management, NO_COLOR: _colour, ...inherited } = process.env;
    // The size is that of the terminal which `script` makes; there is none around it to take it from.
    const command = `tty && stty cols ${columns} rows ${rows} && exec ${[process.execPath, main, ...args].map(quoted).join(' ')}`;
    this.#child = spawn('script', ['-qefc', command, '/dev/null'], {
      env: { ...inherited, ...startsFaster, TERM: 'xterm-256color', SHELL: '/bin/sh', ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#child.stdin.on('error', () => undefined); // it may have ended before it read everything
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.written += text;
      // The first line tells which terminal it is, and is nothing of the program's.
      const from = this.written.indexOf('\n') + 1;
      if (from > 0) this.image.write(this.written.slice(Math.max(from, this.written.length - text.length)));
    });
    this.#ended = new Promise((resolve) => this.#child.once('close', (code) => resolve(code)));
  }

  /** As somebody who drags the corner of the window does. */
  resize(columns: number, rows: number): void {
    const [device] = /\/dev\/\S+/.exec(this.written) ?? [];
    if (device === undefined) throw new Error('the terminal has not started yet');
    this.image.resize(columns, rows);
    spawnSync('stty', ['-F', device, 'cols', String(columns), 'rows', String(rows)]);
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Waits until what is to be seen matches. */
  shows(pattern: RegExp, timeoutMs = 15_000): Promise<void> {
    return eventually(() => {
      if (!pattern.test(this.image.text)) throw new Error(`${pattern} is not to be seen:\n${this.image.text}`);
    }, timeoutMs);
  }

  /** Resolves with the program's exit code once it has ended by itself. One that does not end in time is killed. */
  async end(timeoutMs = 15_000): Promise<number | null> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    const code = await this.#ended;
    clearTimeout(timer);
    return code;
  }

  /** The program ends with its terminal. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.end(5_000);
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
