import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { createPublisher, isSurehopError, type Publisher } from '@surehop/publisher';
import { eventually } from '@surehop/testing';
import { within } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import type { Traffic } from '../traffic.ts';

/** The broker wants memory or disk space, and takes no messages. */
export const alarmScenarios: readonly Scenario[] = [
  alarm('memory-alarm', 'the broker is short of memory and blocks publishing', {
    raise: ['set_vm_memory_high_watermark', '0.0001'],
    clear: ['set_vm_memory_high_watermark', '0.6'],
  }),
  alarm('disk-alarm', 'the broker is short of disk space and blocks publishing', {
    raise: ['set_disk_free_limit', '100000GB'],
    clear: ['set_disk_free_limit', '1MB'],
  }),
];

interface Commands {
  readonly raise: readonly string[];
  readonly clear: readonly string[];
}

/**
 * Red without: nothing is written while blocked, `blocked === true` in `#pump` of packages/core/src/confirmed-channel.ts;
 * and without a connection for publishing alone, `publishLink` in packages/core/src/rabbit.ts.
 */
function alarm(name: string, situation: string, { raise, clear }: Commands): Scenario {
  return {
    name,
    situation,
    needs: ['alarm', 'ctl'],
    types: ['quorum', 'classic'],
    duplicates: 'none',
    async run(stage) {
      const deadlineMs = stage.isLong ? 10_000 : 2_000;
      const traffic = await stage.traffic({ perSecond: 250, deadlineMs });
      const { watch } = traffic;
      await backlog(traffic, 500);
      await stage.node.ctl(raise);
      try {
        await eventually(() => assert.equal(traffic.publishing.health().links.publish.blocked, true), 5_000);
        assert.equal(traffic.publishing.health().status, 'degraded');
        const told = publishOnceMore(traffic, traffic.publisher, deadlineMs);
        // Makes the broker block that service's publishing too, and its acknowledging, were it on the same connection.
        void publishOnceMore(traffic, createPublisher(traffic.consuming), deadlineMs);
        await eventually(() => assert.equal(traffic.consuming.health().links.publish.blocked, true), 5_000);
        await traffic.consumer.resume();
        await eventually(async () => assert.equal(await stage.vhost.messages(traffic.queue), 0), 10_000);
        const { resolved } = watch;
        await pause(stage.isLong ? 20_000 : 1_500);
        const error = await told;
        assert.ok(isSurehopError(error, 'SUREHOP_PUBLISH_NOT_SENT'), `a caller is told ${error}`);
        assert.equal(watch.resolved, resolved, 'what the broker does not take does not resolve');
        assert.equal(stage.said('link is down'), 0, 'no connection is given up');
      } finally {
        // The alarm may end before the command does.
        watch.healed();
        await stage.node.ctl(clear);
      }
      await traffic.recovers();
      const figures = await traffic.finish();
      const codes = Object.keys(figures.codes);
      assert.deepEqual(
        codes.filter((code) => !/_PUBLISH_(NOT_SENT|UNKNOWN)$/.test(code)),
        [],
      );
      // The command takes seconds, the broker looks at memory and disk at intervals, and what has waited is published first.
      return within(figures, { firstPublishedMs: 12_000, firstHandledMs: 12_000 });
    },
  };
}

/** Messages that wait for their consumer, which is paused. */
async function backlog(traffic: Traffic, count: number): Promise<void> {
  await traffic.consumer.pause();
  const { resolved } = traffic.watch;
  await eventually(() => assert.ok(traffic.watch.resolved >= resolved + count), 10_000);
}

/** Resolves to what its caller is told. */
function publishOnceMore(traffic: Traffic, publisher: Publisher, deadlineMs: number): Promise<unknown> {
  return traffic.aside((messageId) => publisher.publish(traffic.contract, { number: 0 }, { messageId, deadlineMs }));
}
