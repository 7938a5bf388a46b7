import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  type ConsumerOptions,
  connect,
  createConsumer,
  defineQueue,
  exponential,
  type Handler,
  type QueueContract,
  RetryLater,
} from '@surehop/consumer';
import { keepingLogger } from '../connection/lines.ts';
import type { Ledger, Mark, Step } from './ledger.ts';

/** Which messages fail, and how. */
export interface Rule {
  /** Keys of which every message fails. */
  readonly failing: readonly string[];
  /**
   * How long what failed waits, in milliseconds.
   * @default 250
   */
  readonly waitMs?: number;
  /** Kills its process. */
  readonly poison?: Step;
}

export type Limits = Pick<ConsumerOptions, 'concurrency' | 'prefetch' | 'mostHeld' | 'mostWaiting'>;

/** A failed message is tried again soon, and for as long as a test may take. */
export const steps: QueueContract<Step> = defineQueue<Step>('steps', {
  singleActiveConsumer: true,
  retry: exponential({ minMs: 250, maxMs: 250, jitter: 0, attempts: 1_000 }),
});

export const orderBy = ({ body }: { readonly body: Step }): string => body.key;

/** @param rule asked each time */
export function handling(rule: (step: Step, attempt: number) => Rule, note: (mark: Mark) => void): Handler<Step> {
  return async ({ body, attempt }) => {
    const mark = (event: Mark['event']): void => note({ ...body, event, attempt, atMs: Date.now() });
    const { failing, waitMs, poison } = rule(body, attempt);
    mark('started');
    if (poison?.key === body.key && poison.step === body.step) process.kill(process.pid, 'SIGKILL');
    // One turn at least: messages of other keys are at work meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
    if (failing.includes(body.key)) {
      mark('failed');
      throw waitMs === undefined ? new Error('not yet') : new RetryLater(waitMs);
    }
    mark('done');
  };
}

interface Assignment {
  readonly url: string;
  readonly rule: Rule;
  readonly limits: Limits;
}

type Report = { readonly mark: Mark } | { readonly laidAside: number };

/** A consumer in a process of its own that keeps the order of each key, to be killed. */
export class OrderedProcess implements AsyncDisposable {
  /** Resolves when it consumes. */
  readonly ready: Promise<void>;
  readonly ended: Promise<unknown>;
  /** Messages in the waiting queue, as it says. */
  laidAside = 0;
  readonly #process: ChildProcess;

  constructor(url: string, ledger: Ledger, rule: Rule, limits: Limits = {}) {
    const assignment: Assignment = { url, rule, limits };
    this.#process = spawn(process.execPath, [fileURLToPath(import.meta.url), JSON.stringify(assignment)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.ready = new Promise((resolve) => {
      this.#process.on('message', (report: Report) => {
        if ('mark' in report) {
          ledger.note(report.mark);
        } else {
          this.laidAside = report.laidAside;
          resolve();
        }
      });
    });
    this.ended = once(this.#process, 'exit');
  }

  follow(rule: Rule): void {
    this.#process.send(rule);
  }

  /** Does nothing when it has ended. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

async function main({ url, rule: first, limits }: Assignment): Promise<void> {
  let rule = first;
  process.on('message', (next: Rule) => {
    rule = next;
  });
  process.on('disconnect', () => process.exit());
  const report = (told: Report): void => void process.send?.(told);
  const rabbit = await connect({ url, log: keepingLogger().log });
  const handler = handling(
    () => rule,
    (mark) => report({ mark }),
  );
  const consumer = await createConsumer(rabbit, steps, handler, { ...limits, orderBy });
  setInterval(() => report({ laidAside: consumer.health().order?.laidAside ?? 0 }), 20);
}

const [, program, assignment] = process.argv;
if (program === fileURLToPath(import.meta.url) && assignment !== undefined) await main(JSON.parse(assignment));
