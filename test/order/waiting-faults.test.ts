import { connect } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { attachBroker, eventually, FaultProxy } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { stage } from '../consuming/stage.ts';
import { privateBroker } from '../private-broker.ts';
import { Ledger, type Step } from './ledger.ts';
import type { Rule } from './ordered-process.ts';
import { consume, expectEmpty, nothingFails, numbers, publish } from './waiting-stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());
const ownBroker = privateBroker();

// Red without the marker in `#read` of waiting-queue.ts, where all is taken as known at once.
test('two processes whose connections are cut again and again lose nothing, and keep the order of each key', async () => {
  await using on = await stage(broker);
  await using proxy = await FaultProxy.start(on.vhost);
  const ledger = new Ledger();
  const keys = numbers(0, 30).map(String);
  // One of 12 fails twice.
  const fails = ({ key, step }: Step): boolean => (7 * Number(key) + 5 * step) % 12 === 0;
  const rule = (body: Step, attempt: number): Rule => ({
    failing: attempt < 3 && fails(body) ? [body.key] : [],
    waitMs: 50 + 50 * (body.step % 8),
  });
  const limits = { concurrency: 8, prefetch: 300, mostHeld: 5 };
  const other = await connect({ url: on.vhost.url(proxy.port), log: keepingLogger().log });
  const untouched = await connect({ url: on.vhost.url(), log: keepingLogger().log });
  try {
    const consumers = [await consume(on.rabbit, ledger, rule, limits), await consume(other, ledger, rule, limits)];
    const laidAside = () => Math.max(...consumers.map((consumer) => consumer.health().order?.laidAside ?? 0));
    const published = publish(createPublisher(untouched), keys, 0, 100);
    for (let cut = 1; cut <= 12; cut += 1) {
      await eventually(() => expect(ledger.count(keys)).toBeGreaterThan(200 * cut), 20_000);
      await eventually(() => expect(laidAside()).toBeGreaterThan(10));
      // Whoever is handed the messages, by turns; now and then both.
      if (cut % 2 === 1 || cut % 5 === 0) on.proxy.cut();
      if (cut % 2 === 0 || cut % 5 === 0) proxy.cut();
    }
    await published;
    await eventually(() => expect(ledger.count(keys)).toBe(3_000), 20_000);
    for (const key of keys) expect(ledger.first(key)).toEqual(numbers(0, 100));
    expect(ledger.overtakers).toEqual([]);
    await expectEmpty(on.vhost);
  } finally {
    await Promise.all([other.close(), untouched.close()]);
  }
}, 60_000);

test('a broker that is killed has what is laid aside, in order', async () => {
  await using on = await stage(ownBroker());
  const [node] = ownBroker().nodes;
  const ledger = new Ledger();
  let rule: Rule = { failing: ['stuck', 'late'] };
  const consumer = await consume(on.rabbit, ledger, () => rule, { prefetch: 100, mostHeld: 5 });
  // Killed within the first moments of a quorum queue, a broker finds nothing of it (3.10 and 4.3: `name_not_registered`).
  await node?.stop();
  await node?.start();
  const publisher = createPublisher(on.rabbit, { deadlineMs: 60_000 });
  const keys = ['stuck', 'late', 'a', 'b'];
  await publish(publisher, keys, 0, 100);
  const published = publish(publisher, keys, 100, 200);
  await eventually(() => expect(consumer.health().order?.laidAside).toBeGreaterThan(150), 10_000);
  await node?.kill();
  await node?.start();
  await published;
  await eventually(() => expect(ledger.count(['a', 'b'])).toBe(400), 20_000);
  await eventually(() => expect(consumer.health().order?.laidAside).toBeGreaterThan(380), 10_000);
  rule = { failing: ['late'] };
  await eventually(() => expect(ledger.count(['stuck'])).toBe(200), 10_000);
  rule = nothingFails;
  await eventually(() => expect(ledger.count(keys)).toBe(800), 10_000);
  for (const key of keys) expect(ledger.first(key)).toEqual(numbers(0, 200));
  expect(ledger.overtakers).toEqual([]);
  await expectEmpty(on.vhost);
}, 90_000);

test('while the broker blocks publishing, nothing can be laid aside, and the other keys go on', async () => {
  await using on = await stage(ownBroker());
  const [node] = ownBroker().nodes;
  const ledger = new Ledger();
  let rule: Rule = { failing: ['stuck'] };
  const others = ['a', 'b', 'c'];
  const publisher = createPublisher(on.rabbit, { deadlineMs: 60_000 });
  await publish(publisher, ['stuck', ...others], 0, 60);
  await node?.ctl(['set_vm_memory_high_watermark', '0.0001']);
  try {
    const blocked = publish(publisher, ['stuck'], 60, 61);
    await eventually(() => expect(on.rabbit.health().links.publish.blocked).toBe(true), 10_000);
    const consumer = await consume(on.rabbit, ledger, () => rule, { prefetch: 100, mostHeld: 5 });
    await eventually(() => expect(ledger.count(others)).toBe(180), 10_000);
    await eventually(async () => expect(await on.vhost.messages('steps')).toBe(60), 10_000);
    expect(consumer.health()).toMatchObject({ inHand: 60, order: { delayedKeys: 1 } });
    await node?.ctl(['set_vm_memory_high_watermark', '0.6']);
    await blocked;
    await eventually(() => expect(consumer.health()).toMatchObject({ inHand: 5, order: { laidAside: 56 } }), 10_000);
    rule = nothingFails;
    await eventually(() => expect(ledger.count(['stuck'])).toBe(61), 10_000);
    expect(ledger.handled('stuck')).toEqual(numbers(0, 61));
    expect(ledger.overtakers).toEqual([]);
    await expectEmpty(on.vhost);
  } finally {
    await node?.ctl(['set_vm_memory_high_watermark', '0.6']);
  }
}, 90_000);
