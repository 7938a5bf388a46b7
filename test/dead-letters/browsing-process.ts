import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { connect, openDeadLetters } from '@surehop/dead-letters';
import { keepingLogger } from '../connection/lines.ts';

interface Assignment {
  readonly url: string;
  readonly queue: string;
  /** How many to hold, and to stand still with. */
  readonly count: number;
}

/** A process that has messages in its hand, browsing, and stands still until it is killed. */
export class BrowsingProcess implements AsyncDisposable {
  /** Resolves when it holds all of them. */
  readonly holds: Promise<void>;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(assignment: Assignment) {
    this.#process = spawn(process.execPath, [fileURLToPath(import.meta.url), JSON.stringify(assignment)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#ended = once(this.#process, 'exit');
    this.holds = new Promise((resolve, reject) => {
      this.#process.stdout?.once('data', () => resolve());
      this.#process.once('exit', () => reject(new Error('it ended before it held anything')));
    });
  }

  /** With SIGKILL. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }
}

async function main({ url, queue, count }: Assignment): Promise<void> {
  const rabbit = await connect({ url, log: keepingLogger().log });
  const deadLetters = openDeadLetters(rabbit, queue, { by: 'a test', audit: { write: async () => undefined } });
  const onProgress = ({ looked }: { looked: number }) => {
    if (looked < count) return;
    writeSync(1, 'holds\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
  await deadLetters.browse({ limit: count, onProgress });
}

const [, program, assignment] = process.argv;
if (program === fileURLToPath(import.meta.url) && assignment !== undefined) await main(JSON.parse(assignment));
