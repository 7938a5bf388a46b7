// What messages that are held cost the broker: a client without handlers, on the driver, holds the first deliveries and
// acknowledges all others as they come, those of one turn in one write. Prints, per message, the rate, the processor time
// of the broker and the work of its channel process, in the Erlang machine's unit (reductions): that one hardly depends
// on what else the machine does.
//
//   npm run bench:acks                        the broker is a private one
//   npm run bench:acks -- --messages 100000   how many per line. Default: 20000
import { parseArgs } from 'node:util';
import { amqplibDriver } from '@surehop/core/internal';
import { connect, createPublisher, defineQueue } from '@surehop/publisher';
import { type Broker, startBroker, type Vhost } from '@surehop/testing';
import { keepingLogger } from '../connection/lines.ts';

const { values } = parseArgs({ options: { messages: { type: 'string', default: '20000' } } });
const messages = Number(values.messages);
const prefetch = 1_100;
const text = 'x'.repeat(230);
const queue = defineQueue<{ text: string }>('acks', { singleActiveConsumer: true });

interface Case {
  /** Deliveries at the head that stay unacknowledged. With none, each turn takes one acknowledgement, with `multiple`. */
  readonly held: number;
  /** Those of one turn leave in the reverse of their order. */
  readonly newestFirst?: boolean;
}

interface Cost {
  readonly perSecond: number;
  readonly brokerUs: number;
  readonly channelReductions: number;
}

async function fill(vhost: Vhost): Promise<void> {
  const rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
  const publisher = createPublisher(rabbit);
  let left = messages;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await publisher.publish(queue, { text });
    }
  };
  await Promise.all(Array.from({ length: 1_000 }, worker));
  await rabbit.close();
}

/** Processor time of the broker in milliseconds, and the reductions of its channel processes. */
async function spent(broker: Broker): Promise<readonly [number, number]> {
  const reductions = 'lists:sum([element(2, process_info(P, reductions)) || P <- rabbit_channel:list_local()])';
  const answer = await broker.nodes[0]?.ctl(['eval', `{element(1, statistics(runtime)), ${reductions}}.`]);
  const [ms, total] =
    /\{(\d+),(\d+)\}/
      .exec(answer ?? '')
      ?.slice(1)
      .map(Number) ?? [];
  if (ms === undefined || total === undefined) throw new Error(`the node did not say what it spent, but: ${answer}`);
  return [ms, total];
}

async function cost(broker: Broker, { held, newestFirst = false }: Case): Promise<Cost> {
  const vhost = await broker.vhost();
  await fill(vhost);
  const url = new URL(vhost.url());
  const soon = AbortSignal.timeout(60_000);
  const link = await amqplibDriver().dial(
    {
      host: url.hostname,
      port: Number(url.port),
      vhost: decodeURIComponent(url.pathname.slice(1)),
      login: { username: url.username, password: url.password },
      tls: undefined,
      heartbeatSeconds: 10,
      frameMaxBytes: 131_072,
      clientProperties: {},
    },
    soon,
  );
  try {
    const waiting: number[] = [];
    let last = 0;
    let done: () => void = () => undefined;
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    const acknowledge = (): void => {
      if (held === 0) channel.ack(last, true);
      else for (const tag of newestFirst ? waiting.toReversed() : waiting) channel.ack(tag, false);
      waiting.length = 0;
      if (last === messages) done();
    };
    const channel = await link.openChannel(
      {
        onDelivery: ({ deliveryTag }) => {
          last = deliveryTag;
          if (deliveryTag <= held) return;
          if (waiting.length === 0) setImmediate(acknowledge);
          waiting.push(deliveryTag);
        },
        onConfirm: () => undefined,
        onReturn: () => undefined,
        onCancel: () => undefined,
        onClosed: () => undefined,
      },
      soon,
    );
    await channel.prefetch(prefetch, soon);
    const before = await spent(broker);
    const startedAt = performance.now();
    await channel.consume(queue.name, 'bench', soon);
    await all;
    const perSecond = (messages / (performance.now() - startedAt)) * 1_000;
    const after = await spent(broker);
    const brokerUs = ((after[0] - before[0]) / messages) * 1_000;
    return { perSecond, brokerUs, channelReductions: (after[1] - before[1]) / messages };
  } finally {
    link.destroy();
    await vhost.close();
  }
}

const broker = await startBroker({ kind: 'node' });
try {
  console.log(`RabbitMQ ${broker.version}, a quorum queue, 256 B, prefetch ${prefetch}, ${messages} messages`);
  console.log('held | acknowledged | per second | broker CPU µs each | channel reductions each');
  const cases = [{ held: 0 }, { held: 1 }, { held: 1, newestFirst: true }, { held: 20 }, { held: 100 }, { held: 500 }];
  for (const one of cases) {
    const { perSecond, brokerUs, channelReductions } = await cost(broker, one);
    const order = one.held === 0 ? 'with `multiple`' : one.newestFirst ? 'newest first' : 'oldest first';
    const cells = [Math.round(perSecond).toLocaleString('en'), brokerUs.toFixed(1), Math.round(channelReductions)];
    console.log([one.held, order, ...cells].join(' | '));
  }
} finally {
  await broker.close();
}
