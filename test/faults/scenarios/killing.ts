import assert from 'node:assert/strict';
import { eventually } from '@surehop/testing';
import { type Frame, FrameRelay } from '../../connection/frame-relay.ts';
import { within } from '../figures.ts';
import { Fleet } from '../fleet.ts';
import type { Order } from '../replica.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const basicPublish = '60.40';
/** From the broker: a confirm. */
const basicAck = '60.80';
const nothing = Buffer.alloc(0);

function orders(count: number, deed?: Order['deed']): Order[] {
  return Array.from({ length: count }, (_, index) => ({ number: index + 1, ...(deed && { deed }) }));
}

/** 100 messages that fail once; the process that copies the first of them is killed at a certain frame. */
async function killAt(stage: Stage, spoil: (relay: FrameRelay, kill: () => void) => void) {
  const relay = stage.own(await FrameRelay.start(stage.vhost));
  const fleet = stage.own(new Fleet(stage, { url: stage.vhost.url(relay.port), consumer: { concurrency: 50 } }));
  await fleet.order(orders(100, 'fail once'));
  let isKilled = false;
  spoil(relay, () => {
    if (isKilled) return; // whoever runs now has taken the place of the one that was
    isKilled = true;
    for (const replica of fleet.running) replica.kill('SIGKILL');
  });
  fleet.start(1);
  await eventually(() => assert.equal(fleet.deaths, 1), 20_000);
  relay.request = ({ bytes }) => bytes;
  relay.answer = ({ bytes }) => bytes;
  await fleet.drains(30_000);
  // Of all that was in hand: the window, and the message that had been looked at alone before it.
  const figures = within(await fleet.finish(), { duplicates: 51 });
  assert.equal(figures.handled, 100);
  assert.equal(figures.deadLettered, 0);
  return figures;
}

/** What befalls a consumer that has messages, or copies of them, in hand. */
export const killingScenarios: readonly Scenario[] = [
  {
    name: 'consumer-killed',
    situation: 'a consumer with 100 messages in hand is killed (-9) while another one goes on',
    types: ['quorum', 'classic'],
    duplicates: 'possible',
    // Red without: `ack` only once the handler is done, `onOutcome` in packages/consumer/src/work.ts.
    async run(stage) {
      const fleet = stage.own(new Fleet(stage, { consumer: { concurrency: 100 }, workMs: 250 }));
      await fleet.order(orders(600));
      fleet.start(2);
      for (let kills = 0; kills < (stage.isLong ? 5 : 2); kills += 1) {
        const victim = await fleet.atWork(100);
        victim.kill('SIGKILL');
        await victim.ended;
      }
      await fleet.drains(60_000);
      const figures = await fleet.finish();
      assert.equal(figures.handled, 600);
      assert.equal(figures.deadLettered, 0);
      // What had been handled and not acknowledged yet, at the most what was in hand.
      return within(figures, { duplicates: stage.isLong ? 500 : 200 });
    },
  },
  {
    name: 'killed-before-copy',
    situation: 'a consumer is killed (-9) while the retry copy of a message is on its way to the broker',
    types: ['quorum', 'classic'],
    duplicates: 'possible',
    // Red without: the original is acknowledged once its copy is stored, `settle('ack')` in packages/consumer/src/failures.ts.
    run: (stage) =>
      killAt(stage, (relay, kill) => {
        let isOver = false;
        relay.request = ({ method, bytes }) => {
          if (method === basicPublish) {
            isOver = true;
            // Gone with the process is what it had not sent yet; what it sends elsewhere at this moment arrives.
            setTimeout(kill, 50);
          }
          return isOver && method !== basicAck ? nothing : bytes;
        };
      }),
  },
  {
    name: 'killed-before-ack',
    situation: 'a consumer is killed (-9) between the confirm of a retry copy and the acknowledgement of its message',
    types: ['quorum', 'classic'],
    duplicates: 'possible',
    // Red without: the original is acknowledged once its copy is stored, `settle('ack')` in packages/consumer/src/failures.ts.
    async run(stage) {
      const figures = await killAt(stage, (relay, kill) => {
        relay.answer = ({ method, bytes }) => {
          if (method === basicAck) kill();
          return method === basicAck ? nothing : bytes;
        };
      });
      assert.ok(figures.duplicates > 0, 'a message and its copy are both handled: the price of losing neither');
      return figures;
    },
  },
  {
    name: 'confirms-of-copies-lost',
    situation: 'the confirms of retry copies never arrive, until the connection is lost',
    types: ['quorum', 'classic'],
    duplicates: 'possible',
    // Red without: the original is acknowledged once its copy is stored, `settle('ack')` in packages/consumer/src/failures.ts.
    async run(stage) {
      const relay = stage.own(await FrameRelay.start(stage.vhost));
      let swallowed = 0;
      const isConfirm = ({ method }: Frame): boolean => method === basicAck;
      relay.answer = (frame) => {
        if (isConfirm(frame)) swallowed += 1;
        return isConfirm(frame) ? nothing : frame.bytes;
      };
      const consumer = { concurrency: 50 };
      const contract = { retry: { delaysMs: [60_000] } };
      const fleet = stage.own(new Fleet(stage, { url: stage.vhost.url(relay.port), consumer, contract }));
      await fleet.order(orders(50, 'fail once'));
      fleet.start(1);
      await eventually(() => assert.ok(swallowed > 0), 20_000);
      await eventually(async () => assert.equal(await stage.vhost.messages('work.retry.60000'), 50), 10_000);
      // All are stored twice now: as an original that nobody may acknowledge, and as a copy.
      await new Promise((resolve) => setTimeout(resolve, stage.isLong ? 10_000 : 1_500));
      assert.equal(await stage.vhost.messages('work'), 50);
      const figures = await fleet.finish();
      assert.equal(figures.deadLettered, 0);
      return { ...figures, stuck: 0 };
    },
  },
  {
    name: 'broker-killed-with-retries',
    situation: 'the broker is killed (-9) while more than 1,000 messages wait for their retry',
    needs: ['kill'],
    types: ['quorum', 'classic'],
    duplicates: 'possible',
    // Red without: rungs that are quorum queues with at-least-once dead lettering, packages/core/src/topology.ts.
    async run(stage) {
      const delayMs = stage.isLong ? 30_000 : 9_000;
      const traffic = await stage.traffic({
        contract: { retry: { delaysMs: [delayMs] } },
        handle: ({ attempt, body }) => {
          if (attempt === 1 && body.number % 2 === 0) throw new Error('the first time');
        },
      });
      const rung = `${traffic.queue}.retry.${delayMs}`;
      await eventually(async () => assert.ok((await stage.vhost.messages(rung)) >= 1_500), 30_000);
      // Some come back before it is killed, many while it is away, the others after that.
      await stage.node.kill();
      await stage.node.start();
      await traffic.recovers();
      const figures = await traffic.finish({ timeoutMs: delayMs + 20_000 });
      assert.equal(figures.deadLettered, 0);
      return within(figures, { firstPublishedMs: 3_000 });
    },
  },
];
