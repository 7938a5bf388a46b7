import assert from 'node:assert/strict';
import { eventually } from '@surehop/testing';
import { connect as amqpConnect, type Channel } from 'amqplib';
import { bindRaw } from '../../publishing/somebody-else.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { Message, Traffic } from '../traffic.ts';

/** The broker's own worker holds 32 dead letters at the most; while none of them can go on, none behind them does. */
const more = 40;
const rungMs = 3_000;

async function onChannel<T>({ vhost }: Stage, use: (channel: Channel) => Promise<T>): Promise<T> {
  const connection = await amqpConnect(vhost.url());
  try {
    const channel = await connection.createChannel();
    const result = await use(channel);
    await channel.close();
    return result;
  } finally {
    await connection.close();
  }
}

async function publish(traffic: Traffic, numbers: readonly number[]): Promise<void> {
  const { contract, publisher } = traffic;
  const told = numbers.map((number) =>
    traffic.aside((messageId) => publisher.publish(contract, { number }, { messageId })),
  );
  assert((await Promise.all(told)).every((error) => error === undefined));
}

const below0 = (count: number): number[] => Array.from({ length: count }, (_, index) => -1 - index);

async function holds(stage: Stage, queue: string, count: number): Promise<void> {
  await eventually(async () => assert.equal(await stage.vhost.messages(queue), count), 15_000);
}

/** What waits in a rung, or dies by the broker's hand, and cannot go on. */
export const deadLetterWorkerScenarios: readonly Scenario[] = [
  {
    name: 'way-back-lost',
    situation: '40 retries cannot be routed back to their queue; the 41st comes back, and they are dead letters',
    duplicates: 'none',
    // Red without `alternate-exchange` in packages/core/src/topology.ts: 32 of them hold up the rung for three minutes.
    async run(stage) {
      const attempts = new Map<number, number>();
      const handle = ({ attempt, body: { number } }: Message): void => {
        if (number >= 0) return;
        attempts.set(number, attempt);
        if (attempt === 1) throw new Error('not at the first attempt');
      };
      const traffic = await stage.traffic({ perSecond: 100, handle, contract: { retry: { delaysMs: [rungMs] } } });
      await onChannel(stage, (channel) => channel.unbindQueue('work', 'work.retry', 'work'));
      await publish(traffic, below0(more));
      await holds(stage, 'work.dead-letter', more);
      await bindRaw(stage.vhost, 'work.retry', 'work', 'work');
      await publish(traffic, [-1 - more]);
      await eventually(() => assert.equal(attempts.get(-1 - more), 2), rungMs + 3_000);
      await traffic.flows();
      const figures = await traffic.finish();
      assert.equal(figures.deadLettered, more);
      return figures;
    },
  },
  {
    name: 'over-the-delivery-limit',
    situation: '40 messages are given back too often and laid aside by the broker; retries go on',
    duplicates: 'none',
    // Red with `retryExchangeName` in `workQueue` of packages/core/src/topology.ts: they would come back for ever, or stay
    // with the broker's worker.
    async run(stage) {
      const handle = ({ attempt, body: { number } }: Message): void => {
        if (attempt === 1 && number % 5 === 0) throw new Error('not at the first attempt');
      };
      const traffic = await stage.traffic({ handle, contract: { deliveryLimit: 2 } });
      traffic.stop();
      // With the last retry: what came back from a rung later would be given back too often as well.
      await eventually(() => {
        assert.equal(traffic.watch.open, 0);
        assert.equal(traffic.watch.handled, traffic.watch.resolved);
      }, 10_000);
      await traffic.consumer.pause();
      await publish(traffic, below0(more));
      await onChannel(stage, async (channel) => {
        await channel.consume('work', (message) => message && channel.reject(message, true));
        await holds(stage, 'work.dead-letter', more);
      });
      await traffic.consumer.resume();
      traffic.go();
      await traffic.flows(500);
      const figures = await traffic.finish();
      assert.equal(figures.deadLettered, more);
      return figures;
    },
  },
];
