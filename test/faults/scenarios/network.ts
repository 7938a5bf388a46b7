import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { within } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import type { Traffic } from '../traffic.ts';

/** What befalls the way between a service and the broker. */
export const networkScenarios: readonly Scenario[] = [
  {
    name: 'connections-reset',
    situation: 'connections are reset every 2 s',
    types: ['quorum', 'classic'],
    duplicates: 'possible',
    // Red without: what was in flight is written again, `#onLost` in packages/core/src/confirmed-channel.ts.
    async run(stage) {
      const traffic = await stage.traffic();
      const resets = stage.isLong ? 15 : 4;
      for (let reset = 1; reset <= resets; reset += 1) {
        stage.proxy.cut();
        await pause(2_000);
        // Less than a second after the reset before, the waits grow.
        await traffic.flows(1, 2_000);
      }
      stage.proxy.cut();
      await traffic.recovers();
      assert.ok(stage.sockets.opened <= 10 * (resets + 2), `${stage.sockets.opened} connections are a storm`);
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, {}, 'no caller is told of a reset');
      return within(figures, { firstPublishedMs: 2_500, firstHandledMs: 2_500, duplicates: 50 * (resets + 1) });
    },
  },
  {
    name: 'connections-closed-by-operator',
    situation: 'an operator closes every connection',
    types: ['quorum', 'classic'],
    duplicates: 'possible',
    // Red without: an end that comes without an `error` counts, `model.on('close')` in packages/core/src/driver-amqplib.ts.
    async run(stage) {
      const traffic = await stage.traffic();
      // They go one after the other, and are back before the last one is gone: what the services miss is a pause.
      traffic.watch.harmed();
      const closed = await stage.vhost.closeConnections();
      assert.ok(closed >= 4, `${closed} connections were closed`);
      await traffic.recovers();
      const reasons = stage.lines.filter(({ message }) => message === 'link is down').map(({ fields }) => fields.error);
      assert.ok(
        reasons.length >= 4 && reasons.every((reason) => /CONNECTION_FORCED/.test(String(reason))),
        `${reasons}`,
      );
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, {}, 'no caller is told of it');
      return within(figures, { publishPauseMs: 3_000, handlePauseMs: 3_000 });
    },
  },
  {
    name: 'network-slow',
    situation: 'every byte takes 100 ms each way, and connections are reset',
    duplicates: 'possible',
    // Red without: a window wider than what one round trip answers, `maxUnconfirmed` in packages/publisher/src/publisher-options.ts.
    async run(stage) {
      const traffic = await stage.traffic({ connect: { heartbeatSeconds: 1 } });
      stage.proxy.delay(100);
      await pause(1_000);
      const perSecond = stage.isLong
        ? await storedPerSecond(traffic, 20)
        : await bestOf(6, () => storedPerSecond(traffic, 3));
      assert.ok(perSecond > 400, `${perSecond} of 500 messages a second are stored`);
      assert.equal(stage.said('link is down'), 0, 'slow is not dead');
      stage.proxy.cut();
      await traffic.recovers();
      stage.proxy.heal();
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, {}, 'no caller is told of it');
      return within(figures, { firstPublishedMs: 8_000, firstHandledMs: 8_000 });
    },
  },
  {
    name: 'network-trickles',
    situation: 'the line carries far less than what is published',
    duplicates: 'none',
    // Red without: room for so many only, `#hasRoom` in packages/publisher/src/admission.ts.
    async run(stage) {
      const perSecond = stage.isLong ? 200 : 500;
      const publisher = { maxUnconfirmed: 200 };
      const traffic = await stage.traffic({
        perSecond,
        deadlineMs: 2_000,
        publisher,
        connect: { heartbeatSeconds: 1 },
      });
      stage.proxy.trickle(15_000);
      const endsAt = performance.now() + (stage.isLong ? 40_000 : 6_000);
      while (performance.now() < endsAt) {
        await pause(100);
        const { unconfirmed } = traffic.publisher.health();
        assert.ok(unconfirmed <= publisher.maxUnconfirmed, `${unconfirmed} are unconfirmed`);
      }
      assert.equal(stage.said('link is down'), 0, 'slow is not dead');
      stage.proxy.heal();
      await traffic.recovers();
      const figures = await traffic.finish();
      const { SUREHOP_PUBLISH_NOT_SENT: notSent = 0, ...others } = figures.codes;
      assert.ok(notSent > 0, 'what found no room is told at its deadline');
      assert.deepEqual(
        Object.keys(others).filter((code) => code !== 'SUREHOP_PUBLISH_UNKNOWN'),
        [],
      );
      return within(figures, { firstPublishedMs: 2_000, firstHandledMs: 2_000 });
    },
  },
];

/** Over so many seconds. */
async function storedPerSecond({ watch }: Traffic, seconds: number): Promise<number> {
  const [before, startedAt] = [watch.resolved, performance.now()];
  await pause(seconds * 1_000);
  return Math.round(((watch.resolved - before) * 1_000) / (performance.now() - startedAt));
}

/**
 * The first rate above 400, or the best of so many. A window that is too narrow holds in each of them; a busy broker that
 * stands still for most of a second spoils three.
 */
async function bestOf(times: number, rate: () => Promise<number>): Promise<number> {
  let best = 0;
  for (let time = 0; time < times && best <= 400; time += 1) best = Math.max(best, await rate());
  return best;
}
