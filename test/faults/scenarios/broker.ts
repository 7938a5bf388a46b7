import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { within } from '../figures.ts';
import type { Scenario } from '../scenario.ts';

/** What was called while it was away is published first: on a busy machine up to 10,000 messages. */
export const afterRestart = { firstPublishedMs: 10_000, firstHandledMs: 3_000 };

/** What was in the consumer's hands at that moment, and what was stored and not confirmed yet, of 0.2 s on a busy machine. */
const inHand = 50 + 100;

/** What befalls the whole broker. */
export const brokerScenarios: readonly Scenario[] = [
  {
    name: 'broker-killed',
    situation: 'the broker is killed (-9) and started again',
    needs: ['kill'],
    types: ['quorum', 'classic'],
    duplicates: 'possible',
    // Red without: what was in flight is written again, `#onLost` in packages/core/src/confirmed-channel.ts.
    async run(stage) {
      const traffic = await stage.traffic();
      // 3.10 can lose the process of a quorum queue that was declared a moment before; after 6 s it never did.
      await traffic.flows(3_000);
      await stage.node.kill();
      await traffic.restartNode();
      await traffic.recovers();
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, {}, 'no caller is told of an outage that is shorter than its deadline');
      return within(figures, { ...afterRestart, duplicates: inHand });
    },
  },
  {
    name: 'broker-stopped',
    situation: 'the broker is stopped in order and started again',
    needs: ['kill'],
    types: ['quorum', 'classic'],
    duplicates: 'possible',
    // Red without: an end that comes without an `error` counts, `model.on('close')` in packages/core/src/driver-amqplib.ts.
    async run(stage) {
      const traffic = await stage.traffic();
      await traffic.flows(3_000);
      await stage.node.stop();
      await traffic.restartNode();
      await traffic.recovers();
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, {}, 'no caller is told of an outage that is shorter than its deadline');
      return within(figures, { ...afterRestart, duplicates: inHand });
    },
  },
  {
    name: 'broker-frozen',
    situation: 'the broker freezes (SIGSTOP) and goes on',
    needs: ['freeze'],
    types: ['quorum', 'classic'],
    duplicates: 'possible',
    // Red without: a connect that is given up in time, `limited()` in `#dial` of packages/core/src/link.ts.
    async run(stage) {
      const heartbeatSeconds = stage.isLong ? 5 : 1;
      const traffic = await stage.traffic({ connect: { heartbeatSeconds, connectTimeoutMs: 1_000 } });
      stage.node.freeze();
      try {
        const noticedMs = await traffic.goesDown(heartbeatSeconds * 3_000 + 1_000);
        // Its kernel takes connections still; each attempt ends at its time limit.
        await pause(stage.isLong ? 20_000 - noticedMs : 1_500);
        assert.ok(stage.said('SUREHOP_CONNECT_TIMEOUT') >= 4, 'attempts to connect are given up');
      } finally {
        stage.node.resume();
      }
      await traffic.recovers();
      assert.equal(stage.sockets.connected, 4, 'of the attempts that were given up, no socket is left');
      return within(await traffic.finish(), { firstPublishedMs: 3_000, firstHandledMs: 3_000 });
    },
  },
];
