import assert from 'node:assert/strict';
import { defineExchange, isSurehopError, UnroutableError } from '@surehop/core';
import type { Scenario } from '../scenario.ts';
import type { Traffic } from '../traffic.ts';

const one = Buffer.from('{"number":0}');
const rounds = 5;
const perRound = 20;

/** Publishes to nowhere again and again while messages flow. Resolves to what the callers were told. */
async function toNowhere(
  traffic: Traffic,
  publish: (messageId: string, index: number) => Promise<unknown>,
): Promise<unknown[]> {
  const told: unknown[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const sent = Array.from({ length: perRound }, (_, index) => traffic.aside((id) => publish(id, index)));
    told.push(...(await Promise.all(sent)));
    await traffic.flows(50);
  }
  return told;
}

/** What is published to places that there are not. */
export const routingScenarios: readonly Scenario[] = [
  {
    name: 'unroutable',
    situation: 'messages are published that no queue takes',
    duplicates: 'none',
    // Red without `onReturn` in packages/core/src/confirmed-channel.ts: the broker confirms what it drops.
    async run(stage) {
      const traffic = await stage.traffic();
      const unbound = defineExchange<unknown>('unbound', { type: 'topic' });
      const told = await toNowhere(traffic, (messageId, index) =>
        index % 2 === 0
          ? traffic.publisher.publishTo({ exchange: '', routingKey: 'nowhere' }, one, { messageId })
          : traffic.publisher.publish(unbound, { number: 0 }, { messageId, routingKey: 'nobody.asks' }),
      );
      for (const error of told) {
        assert(error instanceof UnroutableError);
        assert.match(error.message, /NO_ROUTE/);
      }
      assert.equal(traffic.losses, 0);
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, { SUREHOP_UNROUTABLE: rounds * perRound });
      return figures;
    },
  },
  {
    name: 'exchange-missing',
    situation: 'messages are published to an exchange that does not exist',
    duplicates: 'none',
    // Red without a lane for each exchange (`#byExchange` in packages/publisher/src/lanes.ts): on one channel for all,
    // the broker's 404 ends the others' messages too.
    async run(stage) {
      const traffic = await stage.traffic();
      const told = await toNowhere(traffic, (messageId) =>
        traffic.publisher.publishTo({ exchange: 'missing', routingKey: 'work' }, one, { messageId }),
      );
      for (const error of told) {
        assert(isSurehopError(error, 'SUREHOP_EXCHANGE_NOT_FOUND'));
        assert.match(error.message, /NOT_FOUND - no exchange 'missing'/);
      }
      assert.equal(traffic.losses, 0);
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, { SUREHOP_EXCHANGE_NOT_FOUND: rounds * perRound });
      return figures;
    },
  },
];
