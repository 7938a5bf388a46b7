import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type ConsumerOptions, createConsumer, defineQueue, type ReceivedMessage } from '@surehop/consumer';
import { type ConnectOptions, connect, createPublisher, isSurehopError, SurehopError } from '@surehop/publisher';
import { keepingLogger } from '../connection/lines.ts';
import type { QueueKind } from './scenario.ts';
import type { Watch } from './watch.ts';

/** What a message does to the process that handles it. */
export type Deed =
  /** Kills it at once. */
  | 'kill'
  /** Kills it when others are being handled. */
  | 'kill beside others'
  /** Fails the first time. */
  | 'fail once'
  /** Is done right after all others. */
  | 'last';

export interface Order {
  readonly number: number;
  readonly deed?: Deed;
}

/** What a replica is to do. */
export interface Assignment {
  readonly url: string;
  readonly queue: string;
  readonly contract: {
    readonly type?: QueueKind;
    readonly deliveryLimit?: number;
    readonly retry?: { readonly delaysMs: readonly number[] };
  };
  readonly connect?: Pick<ConnectOptions, 'heartbeatSeconds' | 'waitMs'>;
  readonly consumer: ConsumerOptions;
  /** How long a message takes to handle, in milliseconds. */
  readonly workMs: number;
  /** A version of the service that handles what kills the others. */
  readonly survives?: boolean;
}

type Report =
  | { readonly event: 'ready' | 'closed' }
  | { readonly event: 'started' | 'handled'; readonly id: string }
  | { readonly event: 'published'; readonly id: string; readonly deadlineMs: number }
  | { readonly event: 'resolved'; readonly id: string }
  | { readonly event: 'rejected'; readonly id: string; readonly code: SurehopError['code']; readonly message: string };

interface Wanted {
  readonly publish: number;
  readonly deadlineMs: number;
}

/**
 * A replica of a service in a process of its own, to be ended: it consumes, publishes when told, and closes on SIGTERM, as services
 * do. What it does is told to the watch.
 */
export class Replica implements AsyncDisposable {
  /** Consuming. */
  readonly ready: Promise<void>;
  /** The exit code; null when it was killed. */
  readonly ended: Promise<number | null>;
  readonly #process: ChildProcess;
  #started = 0;
  #hasClosed = false;

  constructor(assignment: Assignment, watch: Watch) {
    const program = fileURLToPath(import.meta.url);
    this.#process = spawn(process.execPath, [program, JSON.stringify(assignment)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    // Not 'exit': what it has told arrives before the way there is closed.
    this.ended = once(this.#process, 'close').then(([code]) => code as number | null);
    this.ready = new Promise((resolve, reject) => {
      this.#process.on('message', (report: Report) => {
        if (report.event === 'ready') resolve();
        this.#onReport(report, watch);
      });
      void this.ended.then((code) => reject(new Error(`the replica ended with ${code} before it consumed`)));
    });
    this.ready.catch(() => undefined); // also of one that nobody waits for
  }

  /** Handlers that were called. */
  get started(): number {
    return this.#started;
  }

  /** Whether `close()` has resolved. */
  get hasClosed(): boolean {
    return this.#hasClosed;
  }

  /** Has it publish so many messages and be told to close, at once. */
  publishAndClose(count: number, deadlineMs: number): void {
    this.#process.send({ publish: count, deadlineMs } satisfies Wanted);
  }

  kill(signal: 'SIGKILL' | 'SIGTERM'): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL');
    await this.ended;
  }

  #onReport(report: Report, watch: Watch): void {
    switch (report.event) {
      case 'started':
        this.#started += 1;
        break;
      case 'handled':
        watch.handledOne(report.id);
        break;
      case 'published':
        watch.published(report.id, report.deadlineMs);
        break;
      case 'resolved':
        watch.resolvedTo(report.id);
        break;
      case 'rejected':
        watch.rejected(report.id, new SurehopError(report.code, report.message, { retryable: true }));
        break;
      case 'closed':
        this.#hasClosed = true;
        break;
      case 'ready':
        break;
      default:
        report satisfies never;
    }
  }
}

/** Whoever started it was killed: nobody would ever end it. */
function leave(): void {
  process.exit(1);
}

async function main(assignment: Assignment): Promise<void> {
  process.once('disconnect', leave);
  const { url, queue } = assignment;
  const rabbit = await connect({ url, log: keepingLogger().log, ...assignment.connect });
  const contract = defineQueue<Order>(queue, assignment.contract);
  const publisher = createPublisher(rabbit);
  const publishOne = async (number: number, deadlineMs: number): Promise<void> => {
    const id = `${process.pid}.${number}`;
    tell({ event: 'published', id, deadlineMs });
    try {
      await publisher.publish(contract, { number }, { messageId: id, deadlineMs });
      tell({ event: 'resolved', id });
    } catch (error) {
      if (!isSurehopError(error)) throw error;
      tell({ event: 'rejected', id, code: error.code, message: error.message });
    }
  };
  process.on('message', ({ publish, deadlineMs }: Wanted) => {
    for (let number = 1; number <= publish; number += 1) void publishOne(number, deadlineMs);
    process.kill(process.pid, 'SIGTERM');
  });
  let isClosing = false;
  const close = async (): Promise<void> => {
    isClosing = true;
    await rabbit.close();
    tell({ event: 'closed' });
    process.off('disconnect', leave);
    process.disconnect(); // it ends when nothing is left to do
  };
  process.once('SIGTERM', () => void close());
  try {
    await createConsumer(rabbit, contract, handling(assignment), assignment.consumer);
    tell({ event: 'ready' });
  } catch (error) {
    if (!isClosing) throw error;
  }
}

function handling({ workMs, survives }: Assignment): (message: ReceivedMessage<Order>) => Promise<void> {
  let running = 0;
  return async ({ body, attempt, properties: { messageId = '' } }) => {
    const isLethal = body.deed === 'kill' || (body.deed === 'kill beside others' && running > 0);
    if (isLethal && survives !== true) {
      process.kill(process.pid, 'SIGKILL');
    }
    running += 1;
    tell({ event: 'started', id: messageId });
    await new Promise((resolve) => setTimeout(resolve, workMs));
    while (body.deed === 'last' && running > 1) await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    if (body.deed === 'fail once' && attempt === 1) throw new Error('the first time');
    tell({ event: 'handled', id: messageId });
  };
}

function tell(report: Report): void {
  // What is told while the parent goes away is told to nobody.
  process.send?.(report, undefined, {}, () => undefined);
}

const [, program, assignment] = process.argv;
if (program === fileURLToPath(import.meta.url) && assignment !== undefined) await main(JSON.parse(assignment));
