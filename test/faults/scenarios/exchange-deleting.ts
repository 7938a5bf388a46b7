import assert from 'node:assert/strict';
import { defineExchange } from '@surehop/core';
import { eventually } from '@surehop/testing';
import { connect as amqpConnect } from 'amqplib';
import { within } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { Body, Message, Traffic } from '../traffic.ts';
import { assertToldOf, isIll } from './deleting.ts';

const shop = defineExchange<Body>('shop', { type: 'topic' });
const topologyCheckMs = 1_000;

/** Publishes to an exchange that the work queue is bound to. */
function viaExchange(stage: Stage): Promise<Traffic> {
  return stage.traffic({
    connect: { topologyCheckMs },
    contract: { bindTo: [{ exchange: shop, routingKey: 'order.#' }] },
    via: { exchange: shop, routingKey: 'order.new' },
  });
}

async function unbind({ vhost }: Stage): Promise<void> {
  const connection = await amqpConnect(vhost.url());
  try {
    const channel = await connection.createChannel();
    await channel.unbindQueue('work', 'shop', 'order.#');
    await channel.close();
  } finally {
    await connection.close();
  }
}

/** Exchanges and bindings that an operator deletes while they are in use. */
export const exchangeDeletingScenarios: readonly Scenario[] = [
  {
    name: 'exchange-deleted',
    situation: 'the exchange, and with it its bindings, is deleted while messages are published to it',
    duplicates: 'possible',
    // Red without `onNotFound` in packages/publisher/src/lane.ts: until the consumer's next check, each message finds no
    // exchange, and what was on its way with it is of unknown outcome.
    async run(stage) {
      const traffic = await viaExchange(stage);
      await stage.vhost.deleteExchange('shop');
      await traffic.recovers(10_000, isIll);
      assertToldOf(stage, traffic, 'exchange "shop"');
      assert.equal(traffic.losses, 0);
      const figures = within(await traffic.finish(), { firstPublishedMs: 2_500, firstHandledMs: 3_000 });
      // Until the consumer's next check, the exchange is there again and leads nowhere.
      const { SUREHOP_UNROUTABLE = 0, SUREHOP_PUBLISH_UNKNOWN = 0, ...others } = figures.codes;
      assert.deepEqual(others, {});
      // Only what was on its way when the exchange went.
      assert(SUREHOP_UNROUTABLE > 0);
      assert(SUREHOP_PUBLISH_UNKNOWN <= 250, `${SUREHOP_PUBLISH_UNKNOWN} of unknown outcome`);
      return figures;
    },
  },
  {
    name: 'binding-deleted',
    situation: 'the binding between exchange and queue is deleted while messages are published',
    duplicates: 'none',
    // Red without bindings in `onCheck` of packages/core/src/topology-registry.ts: nobody notices.
    async run(stage) {
      const traffic = await viaExchange(stage);
      await unbind(stage);
      await traffic.recovers(10_000, isIll);
      assert.equal(traffic.losses, 0);
      const figures = within(await traffic.finish(), { firstPublishedMs: 2_500, firstHandledMs: 3_000 });
      assert.deepEqual(Object.keys(figures.codes), ['SUREHOP_UNROUTABLE']);
      return figures;
    },
  },
  {
    name: 'ways-back-deleted',
    situation:
      'the exchanges behind retries and dead letters are deleted: what dies meanwhile arrives up to 180 s later',
    longOnly: true,
    duplicates: 'none',
    // Red without `x-dead-letter-strategy` in packages/core/src/topology-parts.ts: what nobody takes is dropped.
    async run(stage) {
      const handle = ({ attempt, body }: Message): void => {
        if (attempt === 1 && body.number % 50 === 0) throw new Error('not at the first attempt');
      };
      const traffic = await stage.traffic({ perSecond: 100, connect: { topologyCheckMs: 5_000 }, handle });
      await stage.vhost.deleteExchange('work.retry');
      await stage.vhost.deleteExchange('work.dead-letter');
      await traffic.consumer.pause();
      const expiring = { properties: { expiration: '1' } };
      for (let number = 0; number < 20; number += 1) {
        const died = traffic.aside((messageId) =>
          traffic.publisher.publish(traffic.contract, { number: -1 }, { messageId, ...expiring }),
        );
        assert.equal(await died, undefined);
      }
      await traffic.consumer.resume();
      await eventually(() => {
        assertToldOf(stage, traffic, 'exchange "work.retry"');
        assertToldOf(stage, traffic, 'exchange "work.dead-letter"');
      }, 15_000);
      await traffic.recovers(20_000, isIll);
      const figures = await traffic.finish({ timeoutMs: 190_000 });
      assert(figures.deadLettered >= 20, `${figures.deadLettered} dead letters have arrived`);
      return figures;
    },
  },
];
