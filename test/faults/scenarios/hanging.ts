import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '@surehop/testing';
import { gate } from '../../consuming/stage.ts';
import { within } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const lostSubscription = 'the consumer lost its subscription; subscribing anew';
const allStuck = 'every handler is past its time limit: subscribing anew with fresh slots';
const tooLate = 'a handler returned after its message was settled or taken back; that is ignored';

/** The broker's own limit for an answer, short for once. Before 4.3 its channels look at it once per tick, a minute. */
async function hurry(stage: Stage): Promise<AsyncDisposable> {
  if (Number.parseFloat(stage.broker.version) >= 4.3) {
    await stage.vhost.setPolicy('impatient', '^work$', { 'consumer-timeout': 2_000 });
    return { [Symbol.asyncDispose]: async () => undefined }; // ends with the virtual host
  }
  const set = (timeoutMs: number, tickMs: number): Promise<unknown> =>
    stage.node.ctl([
      'eval',
      `application:set_env(rabbit, consumer_timeout, ${timeoutMs}), application:set_env(rabbit, channel_tick_interval, ${tickMs}).`,
    ]);
  await set(2_000, 1_000);
  return { [Symbol.asyncDispose]: () => set(1_800_000, 60_000).then(() => undefined) };
}

/** Handlers that take longer than somebody waits for them. */
export const hangingScenarios: readonly Scenario[] = [
  {
    name: 'handlers-hang',
    situation: '60 handlers never return, more than run at once',
    types: ['quorum', 'classic'],
    duplicates: 'none',
    // Red without: fresh slots when all are taken so, `onAllStuck` in packages/consumer/src/intake.ts.
    async run(stage) {
      const { opened, open } = gate();
      let hung = 0;
      const traffic = await stage.traffic({
        consumer: { concurrency: 50, handlerTimeoutMs: 400, handlerGraceMs: 200 },
        handle: async ({ attempt, body }) => {
          if (attempt > 1 || body.number % 10 > 0 || hung >= 60) return;
          hung += 1;
          await opened;
          throw new Error('late'); // to be ignored: its message has been handled since
        },
      });
      const health = () => traffic.consumer.health();
      await eventually(() => assert.equal(health().stuckHandlers, 60), 20_000);
      assert.equal(traffic.consuming.health().status, 'degraded');
      assert.ok(stage.said(allStuck) >= 1);
      await traffic.flows(500);
      open();
      await eventually(() => assert.equal(health().stuckHandlers, 0), 5_000);
      await traffic.recovers();
      const figures = await traffic.finish();
      assert.equal(stage.said(tooLate), 60);
      assert.equal(figures.deadLettered, 0);
      return figures;
    },
  },
  {
    name: 'consumer-timeout',
    situation: 'a handler takes longer than the broker waits for an acknowledgement',
    needs: ['ctl', 'kill'],
    duplicates: 'possible',
    // Red without: a new channel after `basic.cancel` (4.3) and after a closed channel (before), `#end` in
    // packages/consumer/src/subscription.ts.
    async run(stage) {
      await using _impatient = await hurry(stage);
      const { opened, open } = gate();
      const seen: boolean[] = [];
      const traffic = await stage.traffic({
        handle: async ({ body, redelivered }) => {
          if (body.padding !== 'slow') return;
          seen.push(redelivered);
          if (!redelivered) await opened;
        },
      });
      const lost = () => ({ channel: stage.said(lostSubscription), link: stage.said('link is down') });
      traffic.stop();
      await eventually(() => assert.equal(traffic.consumer.health().inHand, 0), 10_000);
      // 4.3.6 forgets the limit of a message that comes while the timer of a settled one still runs.
      await pause(2_500);
      const slow = traffic.send({ number: 0, padding: 'slow' });
      await eventually(() => assert.deepEqual(seen, [false, true]), 20_000);
      await slow;
      traffic.go();
      await traffic.recovers();
      const before = lost();
      // Before 4.3 the broker can close the channel twice, which ends the connection: with the first close or right after it.
      const mostLinks = stage.release === '4.3' ? 0 : 1;
      assert.ok(before.channel <= 1 && before.link <= mostLinks, `lost more than once: ${JSON.stringify(before)}`);
      open(); // the old handler returns: what it has done is not acknowledged any more
      await eventually(() => assert.equal(stage.said(tooLate), 1), 5_000);
      await traffic.flows(500);
      assert.deepEqual(lost(), before, 'nothing is acknowledged late');
      return within(await traffic.finish(), { duplicates: 1 });
    },
  },
  {
    name: 'slow-handlers-reset',
    situation: 'connections are reset while slow handlers run, which return on the next connection',
    types: ['quorum', 'classic'],
    duplicates: 'possible',
    // Red without: a delivery is settled on its own channel or not at all, `#settle` in packages/consumer/src/subscription.ts.
    async run(stage) {
      const { opened, open } = gate();
      let old = 0;
      const traffic = await stage.traffic({
        handle: async ({ body, redelivered }) => {
          if (body.number % 20 > 0 || redelivered) return;
          old += 1;
          // A few stay until the end, the others return a little after the consumer is back.
          await (old % 10 === 0 && old < 200 ? opened : pause(1_500));
        },
      });
      const resets = stage.isLong ? 8 : 3;
      for (let reset = 0; reset < resets; reset += 1) {
        stage.proxy.cut();
        await traffic.recovers();
        await traffic.flows(500);
      }
      const said = stage.said(lostSubscription);
      open();
      await traffic.flows(1_000);
      assert.ok(said <= resets, `${said} subscriptions were lost in ${resets} resets`);
      assert.equal(stage.said(lostSubscription), said, 'what returns late harms nobody');
      const strange = stage.lines.filter(({ fields }) => JSON.stringify(fields).includes('PRECONDITION_FAILED'));
      assert.deepEqual(strange, []);
      assert.ok(stage.said(tooLate) > 0, 'old handlers have returned');
      return within(await traffic.finish(), { firstHandledMs: 3_000 });
    },
  },
];
