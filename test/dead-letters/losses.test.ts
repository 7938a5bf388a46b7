import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { type Stage, stage } from '../consuming/stage.ts';
import { privateBroker } from '../private-broker.ts';
import { ids, putLetters, queuesFor } from './letters.ts';
import { deadLettersIn } from './queues.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());
const own = privateBroker();

const dead = 'orders.dead-letter';
const count = 800;

/** Cuts all connections each time that so many more are done. */
function cutting(
  on: Stage,
  every: number,
): { readonly cuts: () => number; onProgress(progress: { done: number }): void } {
  let next = every;
  let cuts = 0;
  return {
    cuts: () => cuts,
    onProgress({ done }) {
      if (done < next) return;
      next = done + every;
      cuts += 1;
      on.proxy.cut();
    },
  };
}

/** So many copies are on their way at a time; of those whose confirms a cut has lost a second one is written. */
const mostInFlight = 300;

/** Each of these arrived, and no more of them twice than were on their way when the connection was cut, under the same ids. */
function expectNoMore(arrived: readonly string[], wanted: readonly string[], cuts: number): void {
  expect([...new Set(arrived)].toSorted()).toEqual(wanted.toSorted());
  expect(arrived.length - wanted.length).toBeLessThanOrEqual(cuts * mostInFlight);
}

test.each([
  ['replay', false],
  ['replay', true],
  ['move', false],
] as const)(
  'a %s through a connection that is cut again and again loses nothing, and doubles at the most what was on its way (pass: %s)',
  async (action, all) => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, ['orders', 'attic', dead]);
    await putLetters(on.vhost, dead, { count });
    on.proxy.trickle(400_000);
    const { cuts, onProgress } = cutting(on, 200);
    const letters = deadLettersIn(on.rabbit, dead);
    const selection = all ? { filter: 'attempts >= 1' } : 'all';
    const report =
      action === 'replay'
        ? await letters.replay(selection, { all, onProgress })
        : await letters.move(selection, 'attic', { onProgress });
    expect(report).toMatchObject({ looked: count, matched: count, done: count, skippedCount: 0, more: false });
    expect(cuts()).toBeGreaterThan(0);
    const arrived = await on.vhost.messageIds(action === 'replay' ? 'orders' : 'attic');
    expectNoMore(arrived, ids(1, count), cuts());
    await eventually(async () => expect(await on.vhost.messages(dead)).toBe(0), 10_000);
  },
  60_000,
);

test('the held form begins anew, and goes on with what is not done', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, ['orders', dead]);
  await putLetters(on.vhost, dead, { count: 400 });
  const { cuts, onProgress } = cutting(on, 40);
  const wanted = ids(101, 300);
  const letters = deadLettersIn(on.rabbit, dead);
  const report = await letters.replay({ ids: wanted }, { ratePerSecond: 300, onProgress });
  expect(report).toMatchObject({ matched: 200, done: 200, skippedCount: 0 });
  expect(cuts()).toBeGreaterThan(0);
  expectNoMore(await on.vhost.messageIds('orders'), wanted, cuts());
  await eventually(
    async () => expect(await on.vhost.messageIds(dead)).toEqual([...ids(1, 100), ...ids(301, 400)]),
    10_000,
  );
}, 60_000);

test('a broker that is killed in the middle, and comes back', async () => {
  await using on = await stage(own());
  await queuesFor(on.vhost, ['orders', dead]);
  const [node] = own().nodes;
  // RabbitMQ 4.0 forgets a quorum queue that was declared seconds before a kill: "configured member was not found".
  await node?.stop();
  await node?.start();
  await putLetters(on.vhost, dead, { count });
  let killed: Promise<void> | undefined;
  const onProgress = ({ done }: { done: number }): void => {
    if (done < 200 || node === undefined) return;
    killed ??= node.kill().then(() => node.start());
  };
  const report = await deadLettersIn(on.rabbit, dead).replay('all', { onProgress, ratePerSecond: 1_000 });
  await killed;
  expect(killed).toBeDefined();
  expect(report).toMatchObject({ done: count, more: false });
  expectNoMore(await on.vhost.messageIds('orders'), ids(1, count), 1);
  await eventually(async () => expect(await on.vhost.messages(dead)).toBe(0), 10_000);
}, 120_000);
