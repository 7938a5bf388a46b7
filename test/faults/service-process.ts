import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect, createConsumer, defineQueue, type ErrorCode, SurehopError } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { keepingLogger } from '../connection/lines.ts';
import type { QueueKind } from './scenario.ts';
import type { Watch } from './watch.ts';

export interface ServiceAssignment {
  readonly url: string;
  readonly queue: string;
  readonly type: QueueKind;
  readonly heartbeatSeconds: number;
  readonly perSecond: number;
  readonly deadlineMs: number;
}

type Event =
  | { readonly kind: 'published' | 'resolved' | 'handled'; readonly id: string }
  | { readonly kind: 'rejected'; readonly id: string; readonly code: ErrorCode | undefined }
  | { readonly kind: 'went on' | 'well' | 'ill' | 'link lost' };

type Order = { readonly kind: 'block'; readonly ms: number } | { readonly kind: 'hush' | 'end' };

/** A service in a process of its own that publishes to a queue and consumes from it. */
export class ServiceProcess implements AsyncDisposable {
  readonly ended: Promise<unknown>;
  readonly #process: ChildProcess;
  #isWell = false;
  #losses = 0;
  #onWentOn: (() => void) | undefined;

  constructor(assignment: ServiceAssignment, watch: Watch) {
    const program = fileURLToPath(import.meta.url);
    this.#process = spawn(process.execPath, [program, JSON.stringify(assignment)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', (event: Event) => this.#note(event, watch, assignment.deadlineMs));
    this.ended = once(this.#process, 'exit');
  }

  /** Whether its `health()` said ok, last. */
  get isWell(): boolean {
    return this.#isWell;
  }

  /** How often its connection was lost. */
  get losses(): number {
    return this.#losses;
  }

  /** Keeps its event loop busy. Resolves when that is over. */
  async block(ms: number): Promise<void> {
    const wentOn = new Promise<void>((resolve) => {
      this.#onWentOn = resolve;
    });
    this.#order({ kind: 'block', ms });
    await wentOn;
  }

  /** It publishes no more. */
  hush(): void {
    this.#order({ kind: 'hush' });
  }

  /** It closes its connection, and ends. */
  async end(): Promise<void> {
    this.#order({ kind: 'end' });
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }

  #order(order: Order): void {
    this.#process.send(order);
  }

  #note(event: Event, watch: Watch, deadlineMs: number): void {
    if (event.kind === 'published') watch.published(event.id, deadlineMs);
    else if (event.kind === 'resolved') watch.resolvedTo(event.id);
    else if (event.kind === 'handled') watch.handledOne(event.id);
    else if (event.kind === 'rejected') watch.rejected(event.id, errorOf(event.code));
    else if (event.kind === 'went on') this.#onWentOn?.();
    else if (event.kind === 'link lost') this.#losses += 1;
    else this.#isWell = event.kind === 'well';
  }
}

function errorOf(code: ErrorCode | undefined): Error {
  return code === undefined ? new Error('not one of ours') : new SurehopError(code, code, { retryable: false });
}

async function main({ url, queue, type, heartbeatSeconds, perSecond, deadlineMs }: ServiceAssignment): Promise<void> {
  process.once('disconnect', () => process.exit(1)); // whoever started it was killed: nobody would ever end it
  const tell = (event: Event): void => void process.send?.(event);
  const rabbit = await connect({ url, heartbeatSeconds, log: keepingLogger().log });
  rabbit.onStateChange(({ phase }) => {
    if (phase === 'waiting') tell({ kind: 'link lost' });
  });
  const contract = defineQueue<number>(queue, { type, retry: { delaysMs: [200] } });
  const publisher = createPublisher(rabbit, { deadlineMs });
  await createConsumer(
    rabbit,
    contract,
    ({ properties }) => tell({ kind: 'handled', id: properties.messageId ?? '' }),
    { concurrency: 50 },
  );
  let number = 0;
  const publish = (): void => {
    number += 1;
    const id = String(number);
    tell({ kind: 'published', id });
    publisher.publish(contract, number, { messageId: id }).then(
      () => tell({ kind: 'resolved', id }),
      (error: Partial<SurehopError>) => tell({ kind: 'rejected', id, code: error.code }),
    );
  };
  const publishing = setInterval(() => {
    for (let sent = 0; sent < perSecond / 50; sent += 1) publish();
  }, 20);
  setInterval(() => tell({ kind: rabbit.health().status === 'ok' ? 'well' : 'ill' }), 50);
  process.on('message', (order: Order) => {
    if (order.kind === 'block') {
      const until = performance.now() + order.ms;
      while (performance.now() < until);
      tell({ kind: 'went on' });
    } else {
      clearInterval(publishing);
      if (order.kind === 'end') void rabbit.close().then(() => process.exit());
    }
  });
}

const [, program, assignment] = process.argv;
if (program === fileURLToPath(import.meta.url) && assignment !== undefined) await main(JSON.parse(assignment));
