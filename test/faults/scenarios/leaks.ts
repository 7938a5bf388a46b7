import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { connect, createConsumer, defineQueue } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { eventually } from '@surehop/testing';
import type { Figures } from '../figures.ts';
import { remainingIn } from '../remaining.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { Watch } from '../watch.ts';

const rounds = 50;
/** Of these, modules and pools are still getting warm. */
const warmUpRounds = 10;

/** What a service leaves behind that connects and closes again and again. */
export const leakScenarios: readonly Scenario[] = [
  {
    name: 'connect-and-close',
    situation: `a process connects, works and closes ${rounds} times in a row`,
    needs: ['ctl'],
    duplicates: 'none',
    // Red without: `consumeLink.close(deadline)`, or `topology.close(deadline)`, in `#close` of packages/core/src/rabbit.ts.
    async run(stage) {
      const watch = new Watch();
      const collectGarbage = garbageCollector();
      let before: Kept | undefined;
      for (let round = 1; round <= rounds; round += 1) {
        await work(stage, watch, round);
        if (round === warmUpRounds) before = keptBy(stage, collectGarbage);
      }
      await eventually(() => {
        const now = keptBy(stage, collectGarbage);
        assert.equal(now.sockets, 0, 'a socket is left');
        assert.ok(now.timers <= (before?.timers ?? 0), `${now.timers} timers, ${before?.timers} before`);
        const grownMiB = (now.heapBytes - (before?.heapBytes ?? 0)) / 1024 / 1024;
        assert.ok(grownMiB < 4, `the heap has grown by ${grownMiB} MiB`);
      }, 5_000);
      await eventually(async () => assert.deepEqual(await connectionsOf(stage), []), 10_000);
      return figures(stage, watch);
    },
  },
];

/** Connects, publishes and handles a few messages, closes. */
async function work({ vhost, proxy, log }: Stage, watch: Watch, round: number): Promise<void> {
  const rabbit = await connect({ url: vhost.url(proxy.port), log });
  const queue = defineQueue<number>('work', { retry: { delaysMs: [200] } });
  const publisher = createPublisher(rabbit);
  await createConsumer(rabbit, queue, ({ properties }) => watch.handledOne(properties.messageId ?? ''));
  const handled = watch.handled + 3;
  for (const number of [1, 2, 3]) {
    const messageId = `${round}.${number}`;
    watch.published(messageId, 30_000);
    await publisher.publish(queue, number, { messageId });
    watch.resolvedTo(messageId);
  }
  await eventually(() => assert.equal(watch.handled, handled));
  await rabbit.close();
}

interface Kept {
  readonly sockets: number;
  readonly timers: number;
  readonly heapBytes: number;
}

function keptBy({ sockets }: Stage, collectGarbage: () => void): Kept {
  collectGarbage();
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  return { sockets: sockets.connected, timers, heapBytes: process.memoryUsage().heapUsed };
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}

/** What the broker knows of. */
async function connectionsOf({ node, vhost }: Stage): Promise<string[]> {
  const listed = await node.ctl(['list_connections', 'vhost', '--quiet']);
  return listed.split('\n').filter((line) => line.trim() === vhost.name);
}

async function figures({ vhost }: Stage, watch: Watch): Promise<Figures> {
  return watch.figures(await remainingIn(vhost, watch));
}
