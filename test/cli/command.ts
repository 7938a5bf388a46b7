import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { eventually } from '@surehop/testing';
import { createContext } from '../../packages/cli/src/context.ts';
import { runProgram } from '../../packages/cli/src/program.ts';

const main = fileURLToPath(new URL('src/main.ts', import.meta.resolve('@surehop/cli/package.json')));

/** Most of a command's start is reading TypeScript: its second start, and those of all others, find that done. */
export const startsFaster: Readonly<Record<string, string>> = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../../node_modules/.cache/surehop-command', import.meta.url)),
};

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** All of standard input. @default empty */
  readonly input?: string;
}

export interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The `surehop` command in a process of its own, as a user runs it, without a terminal. */
export class RunningCommand implements AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams;
  readonly #end: Promise<CommandEnd>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { AMQP_URL: _url, AMQP_MANAGEMENT_URL: _management, ...inherited } = process.env;
    // A process group of its own, as a shell gives it one.
    this.child = spawn(process.execPath, [main, ...args], {
      env: { ...inherited, ...startsFaster, ...env },
      stdio: 'pipe',
      detached: true,
    });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.child.stdin.on('error', () => undefined); // it may have ended before it read everything
    this.#end = new Promise((resolve) => {
      this.child.once('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  /** Resolves once it has ended by itself and all it wrote is here. One that does not end in time is killed. */
  async end(timeoutMs = 25_000): Promise<CommandEnd> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), timeoutMs);
    const end = await this.#end;
    clearTimeout(timer);
    return end;
  }

  /** Waits until what it wrote, on either stream, matches. */
  said(pattern: RegExp, timeoutMs = 20_000): Promise<void> {
    return eventually(() => {
      if (!pattern.test(this.stdout) && !pattern.test(this.stderr)) {
        throw new Error(`${pattern} was not said:\n${this.stdout}\n${this.stderr}`);
      }
    }, timeoutMs);
  }

  /** Ctrl-C at a terminal: everybody in the foreground hears it. */
  interrupt(): void {
    process.kill(-(this.child.pid as number), 'SIGINT');
  }

  /** The second signal ends it at once, with the programs that it runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) this.child.kill(signal);
    await this.end(3_000);
  }
}

/** Runs the command to its end, without a terminal, in this process: that takes a tenth of the time. */
export async function surehop(
  args: readonly string[],
  { env = {}, input = '' }: CommandOptions = {},
): Promise<CommandEnd> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const written = Promise.all([text(stdout), text(stderr)]);
  const terminal = { stdin: Readable.from([Buffer.from(input)]), stdout, stderr, env };
  const code = await runProgram(args, createContext(terminal, new AbortController(), 'ada'));
  stdout.end();
  stderr.end();
  const [out, err] = await written;
  return { code, stdout: out, stderr: err };
}
