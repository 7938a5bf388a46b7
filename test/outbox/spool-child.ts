import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { createSpoolingPublisher } from '@surehop/outbox';
import { connect, defineQueue } from '@surehop/publisher';

export interface SpoolChildAssignment {
  readonly file: string;
  /** Undefined: the broker is never there. */
  readonly url?: string;
  readonly queue?: string;
  /** The first message is `<prefix>-<from>`. */
  readonly prefix?: string;
  readonly from?: number;
  /** So many in all, then it closes the spool and ends. @default for ever */
  readonly count?: number;
  /** So many at a time. */
  readonly together: number;
  /** Rests so long after each of these groups, in milliseconds. @default 0 */
  readonly pauseMs?: number;
  readonly bodyBytes: number;
  /** Of each message. @default none */
  readonly delayMs?: number;
}

/** One line of what the process says. */
export interface Said {
  readonly id: string;
  readonly storedBy?: 'disk' | 'broker';
  readonly code?: string;
  /** In the end: how long its event loop was held up at the most, while it published. */
  readonly heldUpMs?: number;
}

/** A process that publishes by way of a spool, and says of each message what its promise said, before anything else. */
export class SpoolChild implements AsyncDisposable {
  readonly ended: Promise<void>;
  readonly said: Said[] = [];
  stderr = '';
  readonly #process: ChildProcessByStdio<null, Readable, Readable>;

  /** @param before a command that runs it, for example `strace …` */
  constructor(assignment: SpoolChildAssignment, before: readonly string[] = []) {
    const program = fileURLToPath(import.meta.url);
    const [command = '', ...args] = [...before, process.execPath, program, JSON.stringify(assignment)];
    // A group of its own: a kill must reach what runs below the command as well.
    this.#process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let rest = '';
    this.#process.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.said.push(JSON.parse(line) as Said);
    });
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      this.#process.once('close', () => resolve());
      this.#process.once('error', (error) => {
        this.stderr += String(error);
        resolve();
      });
    });
  }

  get stored(): string[] {
    return this.said.filter(({ storedBy }) => storedBy !== undefined).map(({ id }) => id);
  }

  /** SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  signal(signal: NodeJS.Signals): void {
    try {
      if (this.#process.pid !== undefined && this.#process.exitCode === null) process.kill(-this.#process.pid, signal);
    } catch {
      // it has ended
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

async function main(assignment: SpoolChildAssignment): Promise<void> {
  const { file, url, queue = 'orders', prefix = 'm', from = 1, count = Number.POSITIVE_INFINITY } = assignment;
  const { together, bodyBytes, pauseMs = 0, delayMs } = assignment;
  const delayed = delayMs === undefined ? {} : { delayMs };
  const rabbit = url === undefined ? new Promise<never>(() => undefined) : connect({ url, waitMs: 2 ** 31 });
  const publisher = await createSpoolingPublisher(rabbit, { file });
  const orders = defineQueue<string>(queue);
  const body = 'x'.repeat(bodyBytes);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  for (let next = from; next < from + count; next += together) {
    const ids = Array.from(
      { length: Math.min(together, from + count - next) },
      (_, index) => `${prefix}-${next + index}`,
    );
    await Promise.all(
      ids.map((id) =>
        publisher.publish(orders, `${id} ${body}`, { messageId: id, ...delayed }).then(
          ({ storedBy }) => say({ id, storedBy }),
          ({ code }: { code: string }) => say({ id, code }),
        ),
      ),
    );
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  say({ id: 'end', heldUpMs: delay.max / 1e6 });
  await publisher.close();
  process.exit(0); // its connection may be away, and would be waited for
}

/** Before anything else happens, so that a kill cannot come between the promise and what is said of it. */
function say(said: Said): void {
  for (;;) {
    try {
      writeSync(1, `${JSON.stringify(said)}\n`);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error; // a full pipe
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(JSON.parse(process.argv[2] ?? '{}'));
