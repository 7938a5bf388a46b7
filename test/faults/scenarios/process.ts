import assert from 'node:assert/strict';
import { eventually } from '@surehop/testing';
import { within } from '../figures.ts';
import { drained, remainingIn } from '../remaining.ts';
import type { Scenario } from '../scenario.ts';
import { ServiceProcess } from '../service-process.ts';
import { Watch } from '../watch.ts';

/** What befalls the process of a service. */
export const processScenarios: readonly Scenario[] = [
  {
    name: 'event-loop-blocked',
    situation: "the service's event loop is blocked for two heartbeats, and for longer than the broker waits for one",
    types: ['quorum', 'classic'],
    duplicates: 'possible',
    // Red without: a lost link that is opened again, `#reconnect()` in `#onLost` of packages/core/src/link.ts.
    async run(stage) {
      const watch = new Watch();
      const heartbeatSeconds = stage.isLong ? 5 : 1;
      const url = stage.vhost.url(stage.proxy.port);
      const perSecond = 500;
      const assignment = { url, queue: 'work', type: stage.type, heartbeatSeconds, perSecond, deadlineMs: 30_000 };
      const service = stage.own(new ServiceProcess(assignment, watch));
      await flows(watch, service);
      for (const heartbeats of [2, 4]) {
        await service.block(heartbeats * heartbeatSeconds * 1_000);
        watch.healed();
        await flows(watch, service);
      }
      assert.ok(service.losses > 0, 'the broker has not closed a connection that was silent for four heartbeats');
      service.hush();
      await eventually(() => assert.equal(watch.open, 0), 5_000).catch(() => undefined); // told as hung
      await drained(stage.vhost, 10_000).catch(() => undefined); // what remains is told as stuck
      await service.end();
      const figures = { ...watch.figures(await remainingIn(stage.vhost, watch)), perSecond };
      assert.deepEqual(figures.codes, {}, 'no caller is told of it');
      return within(figures, { firstPublishedMs: 3_000, firstHandledMs: 3_000 });
    },
  },
];

/** Until a hundred more messages have been published and handled, and the service says that it is well. */
async function flows(watch: Watch, service: ServiceProcess): Promise<void> {
  const { resolved, handled } = watch;
  await eventually(() => {
    assert.ok(watch.resolved >= resolved + 100, 'nothing is published any more');
    assert.ok(watch.handled >= handled + 100, 'nothing is handled any more');
    if (!service.isWell) watch.ailing();
    assert.ok(service.isWell, 'it is not well again');
  }, 20_000);
}
