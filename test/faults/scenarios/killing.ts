import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '@surehop/testing';
import { type Frame, FrameRelay } from '../../connection/frame-relay.ts';
import { within } from '../figures.ts';
import { Fleet } from '../fleet.ts';
import type { Order } from '../replica.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { afterRestart } from './broker.ts';

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
  assert.equal(fleet.deaths, 1, 'nobody dies but the one that is killed');
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
      const kills = stage.isLong ? 5 : 2;
      for (let killed = 0; killed < kills; killed += 1) {
        const victim = await fleet.atWork(100);
        victim.kill('SIGKILL');
        await victim.ended;
      }
      await fleet.drains(60_000);
      const figures = await fleet.finish();
      assert.equal(fleet.deaths, kills, 'nobody dies but those that are killed');
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
      const relay = stage.own(await FrameRelay.start({ host: '127.0.0.1', port: stage.proxy.port }));
      let swallowed = 0;
      const isConfirm = ({ method }: Frame): boolean => method === basicAck;
      relay.answer = (frame) => {
        if (isConfirm(frame)) swallowed += 1;
        return isConfirm(frame) ? nothing : frame.bytes;
      };
      const consumer = { concurrency: 50 };
      const holdMs = stage.isLong ? 10_000 : 1_500;
      // Longer than the copies are watched: none may come back meanwhile.
      const rungMs = holdMs + 6_000;
      const contract = { retry: { delaysMs: [rungMs] } };
      const fleet = stage.own(new Fleet(stage, { url: stage.vhost.url(relay.port), consumer, contract }));
      await fleet.order(orders(50, 'fail once'));
      fleet.start(1);
      await eventually(() => assert.ok(swallowed > 0), 20_000);
      await eventually(async () => assert.equal(await stage.vhost.messages(`work.retry.${rungMs}`), 50), 10_000);
      // All are stored twice now: as an original that nobody may acknowledge, and as a copy.
      await pause(holdMs);
      assert.equal(await stage.vhost.messages('work'), 50);
      relay.answer = ({ bytes }) => bytes;
      stage.proxy.cut();
      await fleet.drains(rungMs + 30_000);
      const figures = await fleet.finish();
      assert.equal(fleet.deaths, 0);
      assert.equal(figures.handled, 50);
      assert.equal(figures.deadLettered, 0);
      assert.ok(figures.duplicates > 0, 'a message and its copy are both handled: the price of losing neither');
      // Of each message one: its copy of before, and one that was made when the original came back.
      return within(figures, { duplicates: 50 });
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
      await traffic.restartNode();
      await traffic.recovers();
      const figures = await traffic.finish({ timeoutMs: delayMs + 20_000 });
      assert.equal(figures.deadLettered, 0);
      return within(figures, afterRestart);
    },
  },
];
