import { connect, createConsumer } from '@surehop/consumer';
import { createPublisher, defineQueue, type Publisher } from '@surehop/publisher';
import type { Broker, Vhost } from '@surehop/testing';
import { quantile } from '../bench/statistics.ts';
import { keepingLogger } from '../connection/lines.ts';
import { between, stream } from '../simulation/random.ts';

export interface MeasuringOptions {
  readonly broker: Broker;
  readonly vhost: Vhost;
  readonly messages: number;
  readonly perSecond: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly seed: number;
  /** Messages to a queue that is gone when they are due. */
  readonly unroutable: number;
  /** Kills the broker when half of them are published, and starts it again. */
  readonly kill: boolean;
  readonly say: (line: string) => void;
}

export interface MeasuringReport {
  readonly messages: number;
  readonly published: number;
  readonly lost: number;
  readonly doubled: number;
  /** By more than 10 ms. */
  readonly early: number;
  readonly laidAside: number;
  /** Behind the delay that was asked for, in milliseconds: up to 100 of it are the resolution. */
  readonly lateMs: { readonly p50Ms: number; readonly p95Ms: number; readonly p99Ms: number; readonly maxMs: number };
}

interface Sent {
  readonly dueAt: number;
  isStored: boolean;
  /** When it first came; undefined before. */
  cameAt: number | undefined;
  times: number;
}

const earlyMs = 10;
const orders = defineQueue<number>('orders', { retry: { delaysMs: [] } });
const gone = defineQueue<number>('gone', { retry: { delaysMs: [] } });

/** Publishes random delays at a steady rate and looks when each message comes. */
export async function measureDelays(options: MeasuringOptions): Promise<MeasuringReport> {
  const { vhost, messages, say, unroutable, toMs } = options;
  const { log } = keepingLogger();
  // A deleted queue stays deleted while it is looked at.
  const rabbit = await connect({ url: vhost.url(), log, topologyCheckMs: 3_600_000 });
  try {
    const publisher = createPublisher(rabbit, { deadlineMs: 120_000 });
    const sent: Sent[] = [];
    const consume = ({ body }: { readonly body: number }): void => {
      const one = sent[body];
      if (one === undefined) return;
      one.times += 1;
      one.cameAt ??= performance.now();
    };
    await createConsumer(rabbit, orders, consume, { concurrency: 500 });
    await publisher.publish(orders, -1, { delayMs: toMs }); // the network is declared before the clock runs
    const strays = Array.from({ length: unroutable }, (_, index) => index);
    if (unroutable > 0) {
      await publisher.publishMany(gone, strays, { delayMs: 5_000 });
      await vhost.deleteQueue('gone');
    }
    const stored = await publishAll(publisher, sent, options);
    say(`${stored} of ${messages} published`);
    await until(() => sent.every(({ isStored, cameAt }) => !isStored || cameAt !== undefined), toMs + 60_000);
    return reportOf(sent, messages, unroutable === 0 ? 0 : await vhost.messages('surehop.delay.v1.dead-letter'));
  } finally {
    await rabbit.close();
  }
}

async function publishAll(publisher: Publisher, sent: Sent[], options: MeasuringOptions): Promise<number> {
  const { messages, perSecond, fromMs, toMs, seed, kill, broker, say } = options;
  const random = stream(seed, 'delays');
  const startedAt = performance.now();
  const published: Promise<void>[] = [];
  let stored = 0;
  let killing: Promise<void> | undefined;
  while (sent.length < messages) {
    const dueNow = Math.min(messages, Math.floor(((performance.now() - startedAt) * perSecond) / 1_000) + 1);
    for (let body = sent.length; body < dueNow; body += 1) {
      const delayMs = between(random, fromMs, toMs);
      const one: Sent = { dueAt: performance.now() + delayMs, isStored: false, cameAt: undefined, times: 0 };
      sent.push(one);
      const publishing = publisher.publish(orders, body, { delayMs }).then(
        () => {
          one.isStored = true;
          stored += 1;
        },
        (error: Error) => say(`not published: ${error.message}`),
      );
      published.push(publishing);
    }
    if (kill && killing === undefined && sent.length >= messages / 2) killing = killed(broker, say);
    await pause(5);
  }
  await Promise.all([...published, killing]);
  return stored;
}

async function killed(broker: Broker, say: (line: string) => void): Promise<void> {
  const [node] = broker.nodes;
  await node?.kill();
  say('the broker was killed with SIGKILL');
  await node?.start();
  say('and started again');
}

function reportOf(sent: readonly Sent[], messages: number, laidAside: number): MeasuringReport {
  const stored = sent.filter(({ isStored }) => isStored);
  const late = sent.flatMap(({ dueAt, cameAt }) => (cameAt === undefined ? [] : [cameAt - dueAt]));
  return {
    messages,
    published: stored.length,
    lost: stored.filter(({ times }) => times === 0).length,
    doubled: sent.filter(({ times }) => times > 1).length,
    early: late.filter((lateMs) => lateMs < -earlyMs).length,
    laidAside,
    lateMs: spread(late.map(Math.round).sort((one, other) => one - other)),
  };
}

function spread(sorted: readonly number[]): MeasuringReport['lateMs'] {
  const at = (share: number): number => quantile(sorted, share);
  return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: at(1) };
}

async function until(isSo: () => boolean, limitMs: number): Promise<void> {
  const endsAt = performance.now() + limitMs;
  while (!isSo() && performance.now() < endsAt) await pause(100);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
