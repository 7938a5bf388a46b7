// What order costs: the rate of an ordered consumer with 1,000 keys beside that of an unordered one, and what a key
// that fails all the while costs the others, in one queue and in eight partitions that one process consumes. Rounds take
// turns in the same run. Prints a table.
//
//   npm run bench:order                 five rounds (or as many as --rounds says); the broker is a private one
//   npm run bench:order -- --minute     one round in which the key fails for a minute, at 2,000 messages per second
//   npm run bench:order -- --minute --rate 5000    at another rate
//   npm run bench:order -- --quick      one round, a fifth of the messages
//   npm run bench:order -- --held 0     with so many that may wait in hand, instead of the consumer's default
import { setTimeout as after } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  createConsumer,
  createPartitionedConsumer,
  definePartitions,
  defineQueue,
  type Handler,
  type Rabbit,
  RetryLater,
} from '@surehop/consumer';
import { connect, createPublisher, type QueueContract } from '@surehop/publisher';
import { type Broker, startBroker } from '@surehop/testing';
import { keepingLogger } from '../connection/lines.ts';

interface Item {
  readonly key: number;
  readonly text: string;
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    minute: { type: 'boolean', default: false },
    rate: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '5' },
    held: { type: 'string' },
  },
});
const keys = 1_000;
const messages = values.quick ? 20_000 : 100_000;
const concurrency = 100;
const text = 'x'.repeat(230); // 256 bytes of JSON
const orderBy = ({ body }: { readonly body: Item }): number => body.key;
const inOrder = { concurrency, orderBy, ...(values.held !== undefined && { mostHeld: Number(values.held) }) };

/** One way to publish and to consume. */
interface Way {
  readonly queueFor: (key: number) => QueueContract<Item>;
  readonly consume: (rabbit: Rabbit, handler: Handler<Item>) => Promise<unknown>;
}

const plain = defineQueue<Item>('plain');
const steps = defineQueue<Item>('ordered', { singleActiveConsumer: true });
const parts = definePartitions<Item>('shared', { partitions: 8 });
const unordered: Way = {
  queueFor: () => plain,
  // As many in hand as the ordered one has.
  consume: (rabbit, handler) => createConsumer(rabbit, plain, handler, { concurrency, prefetch: concurrency + 1_000 }),
};
const ordered: Way = {
  queueFor: () => steps,
  consume: (rabbit, handler) => createConsumer(rabbit, steps, handler, inOrder),
};
const partitioned: Way = {
  queueFor: (key) => parts.queueFor(key),
  consume: (rabbit, handler) => createPartitionedConsumer(rabbit, parts, handler, inOrder),
};

async function publishAll(rabbit: Rabbit, way: Way, count: number): Promise<void> {
  const publisher = createPublisher(rabbit);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const key = next % keys;
      next += 1;
      await publisher.publish(way.queueFor(key), { key, text });
    }
  };
  await Promise.all(Array.from({ length: 1_000 }, worker));
}

/** Messages per second from a backlog, those of key 0 left out, which fails all the while where it is to. */
async function consumeRate(broker: Broker, way: Way, fails: boolean): Promise<number> {
  const vhost = await broker.vhost();
  const rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
  try {
    await publishAll(rabbit, way, messages);
    const wanted = messages - messages / keys;
    let left = wanted;
    let done: () => void = () => undefined;
    const allDone = new Promise<void>((resolve) => {
      done = resolve;
    });
    const startedAt = performance.now();
    const handle = async ({ body }: { readonly body: Item }): Promise<void> => {
      if (body.key !== 0) left -= 1;
      else if (fails) throw new RetryLater(60_000);
      if (left === 0) done();
    };
    await way.consume(rabbit, handle);
    await allDone;
    return (wanted / (performance.now() - startedAt)) * 1_000;
  } finally {
    await rabbit.close({ timeoutMs: 0 });
    await vhost.close();
  }
}

/** How many messages of the other keys are handled per second, at a steady flow, before and while one key fails. */
async function minute(broker: Broker): Promise<readonly [string, number][]> {
  const vhost = await broker.vhost();
  const rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
  const publisher = createPublisher(rabbit);
  const [tickMs, spanMs] = [10, 60_000];
  const perTick = (Number(values.rate) * tickMs) / 1_000;
  let others = 0;
  let fails = false;
  const handle = async ({ body }: { readonly body: Item }): Promise<void> => {
    if (body.key !== 0) others += 1;
    else if (fails) throw new RetryLater(1_000, { countAttempt: false });
  };
  await ordered.consume(rabbit, handle);
  const flow = async (): Promise<number> => {
    const from = performance.now();
    const before = others;
    for (let tick = 1; performance.now() - from < spanMs; tick += 1) {
      for (let one = 0; one < perTick; one += 1) {
        void publisher.publish(steps, { key: (tick * perTick + one) % keys, text });
      }
      await after(Math.max(0, from + tick * tickMs - performance.now()));
    }
    return ((others - before) / (performance.now() - from)) * 1_000;
  };
  const well = await flow();
  fails = true;
  const failing = await flow();
  fails = false;
  await rabbit.close();
  await vhost.close();
  return [
    ['others per second, before', well],
    ['others per second, while one key fails for a minute', failing],
    ['ratio', failing / well],
  ];
}

async function compared(broker: Broker): Promise<readonly [string, number][]> {
  const rounds: Record<'unordered' | 'one' | 'oneFailing' | 'eight' | 'eightFailing', number>[] = [];
  for (let round = 0; round < (values.quick ? 1 : Number(values.rounds)); round += 1) {
    rounds.push({
      unordered: await consumeRate(broker, unordered, false),
      one: await consumeRate(broker, ordered, false),
      oneFailing: await consumeRate(broker, ordered, true),
      eight: await consumeRate(broker, partitioned, false),
      eightFailing: await consumeRate(broker, partitioned, true),
    });
  }
  return [
    ['unordered, per second', median(rounds.map(({ unordered: rate }) => rate))],
    ['ordered by 1,000 keys, per second', median(rounds.map(({ one }) => one))],
    ['ordered, of unordered', median(rounds.map((rates) => rates.one / rates.unordered))],
    ['the others while one key fails, of ordered', median(rounds.map(({ one, oneFailing }) => oneFailing / one))],
    ['ordered in 8 partitions, per second', median(rounds.map(({ eight }) => eight))],
    ['ordered in 8 partitions, of ordered in one queue', median(rounds.map(({ one, eight }) => eight / one))],
    [
      'the others while one key fails, of 8 partitions without',
      median(rounds.map(({ eight, eightFailing }) => eightFailing / eight)),
    ],
  ];
}

function median(all: readonly number[]): number {
  return all.toSorted((one, other) => one - other)[Math.floor(all.length / 2)] ?? Number.NaN;
}

const broker = await startBroker();
try {
  console.log(`RabbitMQ ${broker.version}, quorum queues, 256 B, concurrency ${concurrency}`);
  for (const [what, value] of await (values.minute ? minute(broker) : compared(broker))) {
    console.log(what.padEnd(56), value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en'));
  }
} finally {
  await broker.close();
}
