import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Broker, eventually } from '@surehop/testing';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

export interface End {
  readonly code: number | null;
  readonly signal: string | null;
}

/** An example that runs as a user would run it: as a process of its own, from its source. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<End>;
  stdout = '';
  stderr = '';

  /** @param path below `examples/` */
  constructor(path: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [`${examples}${path}`, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#ended = new Promise((resolve) => this.#child.once('close', (code, signal) => resolve({ code, signal })));
  }

  /** Resolves once it has ended by itself and all it wrote is here. One that does not end in time is killed. */
  async end(timeoutMs = 90_000): Promise<End> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    const end = await this.#ended;
    clearTimeout(timer);
    return end;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for a line of standard output that is a JSON object and matches. */
  line<T>(matches: (line: Record<string, unknown>) => T | undefined, timeoutMs = 20_000): Promise<T> {
    return eventually(() => {
      for (const line of this.jsonLines()) {
        const found = matches(line);
        if (found !== undefined) return found;
      }
      throw new Error(`no such line from ${this.#child.spawnargs.join(' ')}:\n${this.stdout}\n${this.stderr}`);
    }, timeoutMs);
  }

  /** Waits until standard output matches; gives the first group. */
  said(pattern: RegExp, timeoutMs = 30_000): Promise<string | undefined> {
    return eventually(() => {
      const match = pattern.exec(this.stdout);
      if (match === null) throw new Error(`${pattern} was not said:\n${this.stdout}\n${this.stderr}`);
      return match[1];
    }, timeoutMs);
  }

  /** The port of a service's line `listening`. */
  port(): Promise<number> {
    return this.line(({ msg, port }) => (msg === 'listening' ? (port as number) : undefined));
  }

  jsonLines(): Record<string, unknown>[] {
    const lines = this.stdout.split('\n').slice(0, -1);
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

/** Makes `startBroker()` in another process use this broker. */
export function environmentFor(broker: Broker): Readonly<Record<string, string>> {
  return { SUREHOP_BROKER: 'url', AMQP_URL: broker.url(), AMQP_MANAGEMENT_URL: broker.managementUrl };
}
