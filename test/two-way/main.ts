// How long publishAndWait takes, beside how long a message takes one way, in the same run. The two ways take turns of a
// tenth of a second, so that what else the machine does falls on both alike, and there, back, back, there, so that nothing
// regular falls on one of them alone. Prints quantiles and the ratio of the 99th ones: of all calls, and of each round.
// Ends with 1 where the first is not below 3.
//
//   npm run two-way                         30 rounds of 2 s each way, 500 messages per second, a private broker
//   npm run two-way -- --rounds 3 --rate 200
//   npm run two-way -- --ways               also direct reply-to, and reply queues of other kinds, each over plain amqplib
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createConsumer, defineQueue } from '@surehop/consumer';
import { connect, createPublisher, type Publisher } from '@surehop/publisher';
import { startBroker, type Vhost } from '@surehop/testing';
import { quantile, spreadOf } from '../bench/statistics.ts';
import { keepingLogger } from '../connection/lines.ts';
import { openWays, type Way } from './ways.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '30' },
    seconds: { type: 'string', default: '2' },
    rate: { type: 'string', default: '500' },
    ways: { type: 'boolean', default: false },
  },
});
const [rounds, seconds, rate] = [Number(values.rounds), Number(values.seconds), Number(values.rate)];

interface Body {
  readonly sentAt: number;
  /** Whose turn it was; undefined where nobody measures. */
  readonly way: 'there' | 'back' | undefined;
  readonly text: string;
}

/** What took how long, in milliseconds. */
interface Taken {
  /** From `publish()` to the handler. */
  readonly there: number[];
  /** From `publishAndWait()` to the handler. */
  readonly asked: number[];
  /** From `publishAndWait()` to its end. */
  readonly back: number[];
}

const turns = ['there', 'back', 'back', 'there'] as const;
const turnSeconds = 0.1;
const text = 'x'.repeat(200);
const orders = defineQueue<Body>('orders');

/** Sends at the rate, whatever is under way; resolves when all are through. */
async function paced(count: number, send: (index: number) => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  const sent: Promise<unknown>[] = [];
  while (sent.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - startedAt) / 1_000) * rate) + 1);
    while (sent.length < due) sent.push(send(sent.length));
    await sleep(1);
  }
  await Promise.all(sent);
}

/** How long it took from its call to its end, in milliseconds. */
async function timed(call: (body: Body) => Promise<unknown>, way: Body['way'], took: number[]): Promise<void> {
  const sentAt = performance.now();
  await call({ sentAt, way, text });
  took.push(performance.now() - sentAt);
}

/** As many each way, in turns. */
async function measureRound(publisher: Publisher, taken: Taken): Promise<void> {
  const perTurn = Math.max(1, Math.round(rate * turnSeconds));
  await paced(2 * rate * seconds, (index) =>
    turns[Math.floor(index / perTurn) % turns.length] === 'back'
      ? timed((body) => publisher.publishAndWait(orders, body), 'back', taken.back)
      : publisher.publish(orders, { sentAt: performance.now(), way: 'there', text }),
  );
  while (taken.there.length + taken.asked.length < 2 * rate * seconds) await sleep(5);
}

function p99(took: readonly number[]): number {
  return quantile(
    took.toSorted((one, other) => one - other),
    0.99,
  );
}

function row(name: string, took: readonly number[]): string {
  const sorted = took.toSorted((one, other) => one - other);
  const cells = [0.5, 0.9, 0.99, 0.999].map((share) => quantile(sorted, share).toFixed(2).padStart(9));
  return `${name.padEnd(44)}${cells.join('')}${String(sorted.length).padStart(9)}`;
}

async function measure(vhost: Vhost): Promise<number> {
  const { log } = keepingLogger();
  await using consuming = await connect({ url: vhost.url(), log });
  await using publishing = await connect({ url: vhost.url(), log });
  const publisher = createPublisher(publishing);
  let taken: Taken = { there: [], asked: [], back: [] };
  const onMessage = ({ body: { sentAt, way } }: { readonly body: Body }): { readonly handledAt: number } => {
    const handledAt = performance.now();
    if (way !== undefined) taken[way === 'back' ? 'asked' : way].push(handledAt - sentAt);
    return { handledAt };
  };
  await createConsumer(consuming, orders, onMessage, { concurrency: 100 });
  const ways: readonly Way[] = values.ways ? await openWays(vhost) : [];
  // What is declared and opened once, and compiled, is none of it.
  const warm = { sentAt: 0, way: undefined, text };
  for (let count = 0; count < 500; count += 1) await publisher.publishAndWait(orders, warm);
  const all: Taken[] = [];
  const byWay = new Map(ways.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round += 1) {
    taken = { there: [], asked: [], back: [] };
    await measureRound(publisher, taken);
    all.push(taken);
    for (const { name, ask } of ways) {
      const took = byWay.get(name) ?? [];
      await paced(rate * seconds, () => timed((body) => ask(JSON.stringify(body)), undefined, took));
    }
  }
  for (const way of ways) await way.close();
  const [there, asked, back] = (['there', 'asked', 'back'] as const).map((which) => all.flatMap((one) => one[which]));
  console.log(`${''.padEnd(44)}${['p50', 'p90', 'p99', 'p99.9', 'calls'].map((title) => title.padStart(9)).join('')}`);
  console.log(row('one way: publish() to the handler, ms', there ?? []));
  console.log(row('publishAndWait() to the handler, ms', asked ?? []));
  console.log(row('publishAndWait() to its end, ms', back ?? []));
  for (const [name, took] of byWay) console.log(row(name, took));
  const { median, min, max } = spreadOf(all.map((one) => p99(one.back) / p99(one.there)));
  const [low, middle, high] = [min, median, max].map((ratio) => ratio.toFixed(2));
  console.log(`ratio of the 99th percentiles of each round: ${middle}, from ${low} to ${high}`);
  return p99(back ?? []) / p99(there ?? []);
}

await using broker = await startBroker();
const vhost = await broker.vhost();
console.log(`RabbitMQ ${broker.version}, ${rate} per second, ${rounds} rounds of ${seconds} s each way`);
const ratio = await measure(vhost);
console.log(`ratio of the 99th percentiles of all calls: ${ratio.toFixed(2)} (to be below 3)`);
await vhost.close();
process.exitCode = ratio < 3 ? 0 : 1;
