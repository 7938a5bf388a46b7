import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect, createConsumer, defineQueue } from '@surehop/consumer';
import { keepingLogger } from '../connection/lines.ts';

/** What a consumer in a process of its own is to do. */
export interface Assignment {
  readonly url: string;
  readonly queue: string;
  readonly deliveryLimit?: number;
  readonly concurrency: number;
  /** Kills the process at once. */
  readonly poison?: unknown;
  /** How long each message takes, in milliseconds. */
  readonly workMs: number;
}

/** A consumer in a process of its own, to be killed. */
export class ConsumerProcess implements AsyncDisposable {
  /** Bodies whose handler was called, and those whose handler returned. */
  readonly started: unknown[] = [];
  readonly done: unknown[] = [];
  readonly ended: Promise<unknown>;
  readonly #process: ChildProcess;

  constructor(assignment: Assignment) {
    const program = fileURLToPath(import.meta.url);
    this.#process = spawn(process.execPath, [program, JSON.stringify(assignment)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', ({ event, body }: Report) => this[event].push(body));
    this.ended = once(this.#process, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }
}

interface Report {
  readonly event: 'started' | 'done';
  readonly body: unknown;
}

async function main({ url, queue, deliveryLimit, concurrency, poison, workMs }: Assignment): Promise<void> {
  const rabbit = await connect({ url, log: keepingLogger().log });
  const contract = defineQueue(queue, deliveryLimit === undefined ? {} : { deliveryLimit });
  const report = (event: Report['event'], body: unknown) => process.send?.({ event, body } satisfies Report);
  const handler = async ({ body }: { body: unknown }) => {
    if (body === poison) process.kill(process.pid, 'SIGKILL');
    report('started', body);
    await new Promise((resolve) => setTimeout(resolve, workMs));
    report('done', body);
  };
  await createConsumer(rabbit, contract, handler, { concurrency });
}

const [, program, assignment] = process.argv;
if (program === fileURLToPath(import.meta.url) && assignment !== undefined) await main(JSON.parse(assignment));
