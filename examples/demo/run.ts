import { setTimeout as sleep } from 'node:timers/promises';
import { connect, createPublisher } from '@surehop/publisher';
import { eventually, FaultProxy, startBroker, type Vhost } from '@surehop/testing';
import { ConsumerProcess } from './consumer-process.ts';
import { orders } from './contracts.ts';
import { readDeadLetters } from './dead-letter-reader.ts';
import { Faults, planFaults } from './faults.ts';
import type { OrderEvent } from './input.ts';
import { Ledger } from './ledger.ts';
import { sdkLog } from './log.ts';
import type { View } from './progress.ts';
import { publishAll } from './publishing.ts';
import type { ConsumerRecord } from './records.ts';

export interface RunOptions {
  readonly events: readonly OrderEvent[];
  readonly seed: number;
  /** Longest time without any progress, in milliseconds. */
  readonly stallMs: number;
  readonly verbose: boolean;
  readonly view: View;
  readonly onRefused: (event: OrderEvent, why: string) => void;
  readonly signal: AbortSignal;
}

export interface Run {
  readonly ledger: Ledger;
  readonly brokerVersion: string;
  /** From the first publish until every event was accounted for. */
  readonly seconds: number;
  /** False when nothing moved any more although something was missing. */
  readonly finished: boolean;
}

/** Runs the demo on a broker of its own, or in a virtual host of its own, and leaves nothing behind. */
export async function run(options: RunOptions): Promise<Run> {
  const { view, signal } = options;
  const closing: (() => Promise<unknown>)[] = [];
  try {
    const broker = await startBroker({ log: (line) => view.say(line) });
    closing.push(() => broker.close());
    signal.throwIfAborted();
    const vhost = await broker.vhost();
    closing.push(() => vhost.close());
    if (vhost.isShared)
      throw new Error(`the demo needs a virtual host of its own, and may make none on ${broker.description}`);
    const proxy = await FaultProxy.start(broker);
    closing.push(() => proxy[Symbol.asyncDispose]());
    return await runOn({ ...options, vhost, proxy, brokerVersion: broker.version }, closing);
  } finally {
    for (const close of closing.toReversed()) {
      await close().catch((error: Error) => view.say(`could not be cleaned up: ${error.message}`));
    }
  }
}

interface Place {
  readonly vhost: Vhost;
  readonly proxy: FaultProxy;
  readonly brokerVersion: string;
}

async function runOn(options: RunOptions & Place, closing: (() => Promise<unknown>)[]): Promise<Run> {
  const { events, seed, stallMs, verbose, view, onRefused, vhost, proxy, brokerVersion } = options;
  const failure = new AbortController();
  const signal = AbortSignal.any([options.signal, failure.signal]);
  const fail = (error: unknown): void => failure.abort(error);
  const ledger = new Ledger();
  const url = vhost.url(proxy.port);

  let consumerPhase = 'connecting';
  const consumer = new ConsumerProcess({
    env: { DEMO_AMQP_URL: url, DEMO_SEED: String(seed), DEMO_VERBOSE: verbose ? '1' : '0' },
    onCrash: fail,
    onRecord: (record) => {
      if (record.type === 'connection') consumerPhase = record.phase;
      else if (record.type === 'ready') consumerPhase = 'open';
      else note(record, ledger);
      faults.observe(ledger);
    },
  });
  const faults = new Faults(planFaults(events.length, seed), {
    cutConnections: () => {
      view.say(`fault: every connection is cut (${ledger.size} published, ${ledger.settled} settled)`);
      proxy.cut();
    },
    killConsumer: () => restartConsumer().catch(fail),
  });
  const restartConsumer = async (): Promise<void> => {
    view.say(
      `fault: kill -9 of the consumer process ${consumer.pid} (${ledger.size} published, ${ledger.settled} settled)`,
    );
    consumerPhase = 'killed';
    await consumer.kill();
    await consumer.start();
    if (!signal.aborted) view.say(`the consumer process runs again, as ${consumer.pid}`);
  };
  const observe = (): void => faults.observe(ledger);

  closing.push(() => consumer.kill());
  await consumer.start();
  const rabbit = await connect({ url, name: 'surehop demo: publisher', log: sdkLog('publisher', verbose) });
  closing.push(() => rabbit.close({ timeoutMs: 2_000 }));
  await readDeadLetters(rabbit, ledger, observe);

  const startedAt = performance.now();
  const show = (): void => {
    const { phase } = rabbit.state;
    view.show({ ...ledger.counts(), total: events.length, publisher: phase, consumer: consumerPhase });
  };
  const drawing = setInterval(show, 100);
  closing.push(async () => clearInterval(drawing));

  closing.push(async () => fail(new Error('the run is over'))); // what is still to be published stays so
  let isPublished = false;
  const publisher = createPublisher(rabbit);
  publishAll({ events, publisher, ledger, signal, onChange: observe, onRefused }).then(() => {
    isPublished = true;
  }, fail);
  // The faults strike at counts that every input reaches, unless events are refused on the way.
  const isDone = (): boolean =>
    isPublished && ledger.settled === ledger.size && (faults.struck || ledger.size < events.length);
  // How long the consumer process takes to start again says nothing of messages; it has a limit of its own.
  const moves = (): number => (faults.isRestarting ? performance.now() : ledger.changes);
  const finished = await untilDone(isDone, moves, stallMs, signal);
  if (finished) {
    await faults.overcome();
    await drain(consumer, vhost, view);
    await rabbit.close();
  }
  show();
  return { ledger, brokerVersion, seconds: (performance.now() - startedAt) / 1_000, finished };
}

function note(record: ConsumerRecord, ledger: Ledger): void {
  if (record.type === 'handled') ledger.handle(record.id, record.attempt);
  if (record.type === 'failed') ledger.fail(record.id, record.attempt);
}

/** False when what `moves` counts stood still for too long. Rejects when the signal aborts. */
async function untilDone(
  isDone: () => boolean,
  moves: () => number,
  stallMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  let [changes, changedAt] = [-1, 0];
  for (;;) {
    signal.throwIfAborted();
    if (isDone()) return true;
    const now = moves();
    if (now !== changes) [changes, changedAt] = [now, performance.now()];
    else if (performance.now() - changedAt > stallMs) return false;
    await sleep(20, undefined, { signal }).catch(() => {});
  }
}

/** Nothing may be left in any queue: what lies there would be a duplicate that nobody has counted. */
async function drain(consumer: ConsumerProcess, vhost: Vhost, view: View): Promise<void> {
  for (;;) {
    await consumer.stop();
    if (await isEmpty(vhost)) return;
    view.say('messages came back late: the consumer process takes them, too');
    await consumer.start();
    await eventually(async () => {
      if (!(await isEmpty(vhost))) throw new Error('the queues do not get empty');
    }, 30_000);
  }
}

/** Along the way that a message takes, so that none slips past: first the rungs, then the queue, then the dead letters. */
async function isEmpty(vhost: Vhost): Promise<boolean> {
  const rungs = orders.retry.delaysMs.map((delayMs) => `${orders.name}.retry.${delayMs}`);
  for (const queue of [...rungs, orders.name, `${orders.name}.dead-letter`]) {
    if ((await vhost.get(queue, 1)).length > 0) return false;
  }
  return true;
}
