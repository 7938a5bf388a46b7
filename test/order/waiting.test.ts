import { connect, type Rabbit } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { sendJson, stage } from '../consuming/stage.ts';
import { Ledger, type Step } from './ledger.ts';
import { type Limits, OrderedProcess, type Rule } from './ordered-process.ts';
import { consume, expectEmpty, nothingFails, numbers, publish } from './waiting-stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

describe('messages that wait for an earlier one of their key', () => {
  test('are laid aside: the other keys go on, and later all are handled once, in order', async () => {
    await using on = await stage(broker);
    const ledger = new Ledger();
    let rule: Rule = { failing: ['stuck'] };
    const limits = { concurrency: 4, prefetch: 60, mostHeld: 0 };
    const consumer = await consume(on.rabbit, ledger, () => rule, limits);
    const others = ['a', 'b', 'c', 'd', 'e'];
    await publish(createPublisher(on.rabbit), ['stuck', ...others], 0, 300);
    await eventually(() => expect(ledger.count(others)).toBe(1_500), 10_000);
    await eventually(() => expect(consumer.health().order).toMatchObject({ delayedKeys: 1, laidAside: 300 }));
    await eventually(async () => expect(await on.vhost.messages('steps')).toBe(0), 10_000);
    expect(await on.vhost.messages('steps.waiting')).toBe(300);
    expect(ledger.handled('stuck')).toEqual([]);
    rule = nothingFails;
    await eventually(() => expect(ledger.handled('stuck')).toHaveLength(300), 10_000);
    for (const key of ['stuck', ...others]) expect(ledger.handled(key)).toEqual(numbers(0, 300));
    expect(ledger.overtakers).toEqual([]);
    expect(consumer.health().order?.laidAside).toBe(0);
    await expectEmpty(on.vhost);
  });

  test('wait in hand beyond [mostWaiting], also when they come again', async () => {
    await using on = await stage(broker);
    const ledger = new Ledger();
    let rule: Rule = { failing: ['stuck'] };
    const limits = { prefetch: 200, mostHeld: 5, mostWaiting: 30 };
    const consumer = await consume(on.rabbit, ledger, () => rule, limits);
    const other = await connect({ url: on.vhost.url(), log: keepingLogger().log });
    try {
      const publisher = createPublisher(other);
      await publish(publisher, ['stuck', 'a'], 0, 100);
      await eventually(() => expect(ledger.count(['a'])).toBe(100));
      await eventually(() => expect(consumer.health()).toMatchObject({ inHand: 70, order: { laidAside: 30 } }));
      on.proxy.cut();
      await publish(publisher, ['stuck', 'a'], 100, 120);
      await eventually(() => expect(ledger.count(['a'])).toBe(120), 10_000);
      await eventually(() => expect(consumer.health()).toMatchObject({ inHand: 90, order: { laidAside: 30 } }));
      expect(await on.vhost.messages('steps.waiting')).toBe(30);
    } finally {
      await other.close();
    }
    rule = nothingFails;
    await eventually(() => expect(ledger.count(['stuck'])).toBe(120));
    expect(ledger.handled('stuck')).toEqual(numbers(0, 120));
    expect(ledger.overtakers).toEqual([]);
    await expectEmpty(on.vhost);
  });

  test('stay in hand behind one without a message id', async () => {
    await using on = await stage(broker);
    const ledger = new Ledger();
    let rule: Rule = { failing: ['stuck'] };
    const consumer = await consume(on.rabbit, ledger, () => rule, { prefetch: 100, mostHeld: 0 });
    const publisher = createPublisher(on.rabbit);
    await publish(publisher, ['stuck', 'a'], 0, 20);
    await sendJson(on.vhost, 'steps', [
      { key: 'stuck', step: 20 },
      { key: 'a', step: 20 },
    ]);
    await publish(publisher, ['stuck', 'a'], 21, 60);
    await eventually(() => expect(ledger.count(['a'])).toBe(60));
    await eventually(() => expect(consumer.health()).toMatchObject({ inHand: 40, order: { laidAside: 20 } }));
    on.proxy.cut();
    await eventually(() => expect(consumer.health().phase).not.toBe('consuming'));
    await eventually(() => expect(consumer.health()).toMatchObject({ inHand: 40, order: { laidAside: 20 } }), 10_000);
    rule = nothingFails;
    await eventually(() => expect(ledger.count(['stuck'])).toBe(60));
    expect(ledger.handled('stuck')).toEqual(numbers(0, 60));
    expect(ledger.overtakers).toEqual([]);
    await expectEmpty(on.vhost);
  });

  test('are handled once, in order, while processes are replaced one after the other', async () => {
    await using on = await stage(broker);
    const ledger = new Ledger();
    let rule: Rule = { failing: ['stuck', 'slow'] };
    const keys = ['stuck', 'slow', 'a', 'b'];
    const publisher = createPublisher(on.rabbit);
    const limits = { prefetch: 100, mostHeld: 3 };
    const rabbits = await Promise.all(
      numbers(0, 4).map(() => connect({ url: on.vhost.url(), log: keepingLogger().log })),
    );
    try {
      const [first, ...next] = rabbits;
      let active = await consume(first as Rabbit, ledger, () => rule, limits);
      for (const rabbit of next) {
        const successor = await consume(rabbit, ledger, () => rule, limits);
        const from = ledger.count(['a']);
        const published = publish(publisher, keys, from, from + 100);
        await eventually(() => expect(active.health().order?.laidAside).toBeGreaterThan(from));
        await active.close();
        await published;
        await eventually(() => expect(ledger.count(['a', 'b'])).toBe(2 * (from + 100)), 10_000);
        active = successor;
      }
      rule = { failing: ['stuck'] };
      await eventually(() => expect(ledger.handled('slow')).toHaveLength(300), 10_000);
      rule = nothingFails;
      await eventually(() => expect(ledger.handled('stuck')).toHaveLength(300), 10_000);
      for (const key of keys) expect(ledger.handled(key)).toEqual(numbers(0, 300));
      expect(ledger.overtakers).toEqual([]);
      await expectEmpty(on.vhost);
    } finally {
      await Promise.all(rabbits.map((rabbit) => rabbit.close()));
    }
  });
});

describe('a process that is killed while messages are laid aside', () => {
  // Red without `this.#early.push(delivery)` in order.ts, where what the work queue hands out is started at once.
  test.each(['stands by', 'is started later'])('loses none of them: in order, one that %s goes on', async (how) => {
    await using on = await stage(broker);
    const ledger = new Ledger();
    const keys = ['stuck', 'late', 'a', 'b', 'c'];
    const limits = { concurrency: 4, prefetch: 100, mostHeld: 5 };
    const waitMs = 4_000;
    const begin = (rule: Rule) => new OrderedProcess(on.vhost.url(), ledger, rule, limits);
    const publisher = createPublisher(on.rabbit);
    await using victim = begin({ failing: ['stuck', 'late'], waitMs });
    await victim.ready;
    await using standBy = how === 'stands by' ? begin(nothingFails) : undefined;
    await standBy?.ready;
    await publish(publisher, keys, 0, 100);
    await eventually(() => expect(victim.laidAside).toBeGreaterThan(100), 10_000);
    const published = publish(publisher, keys, 100, 300);
    await eventually(() => expect(ledger.count(['a'])).toBeGreaterThan(120), 10_000);
    await victim.kill();
    await published;
    await using _later = standBy === undefined ? begin(nothingFails) : undefined;
    await eventually(() => expect(ledger.count(keys)).toBe(1_500), 15_000);
    for (const key of keys) expect(ledger.first(key)).toEqual(numbers(0, 300));
    expect(ledger.overtakers).toEqual([]);
    for (const key of ['stuck', 'late']) {
      const [failed, done] = [ledger.of(key, 0, 'failed')[0], ledger.of(key, 0, 'done')[0]];
      expect(done?.attempt).toBe(2);
      expect((done?.atMs ?? 0) - (failed?.atMs ?? 0)).toBeGreaterThan(waitMs - 100);
    }
    await expectEmpty(on.vhost);
  });

  // Red without the look in `#lookLater` of waiting-queue.ts.
  test('has them taken over by one that stands by, though the work queue hands out nothing', async () => {
    await using on = await stage(broker);
    const ledger = new Ledger();
    const failing = ['stuck', 'late'];
    const limits = { concurrency: 4, prefetch: 100, mostHeld: 0 };
    const publisher = createPublisher(on.rabbit);
    await using victim = new OrderedProcess(on.vhost.url(), ledger, { failing }, limits);
    await victim.ready;
    await using standBy = new OrderedProcess(on.vhost.url(), ledger, { failing: ['late'] }, limits);
    await standBy.ready;
    await publish(publisher, failing, 0, 50);
    await eventually(() => expect(victim.laidAside).toBe(100), 10_000);
    await eventually(async () => expect(await on.vhost.messages('steps')).toBe(0), 10_000);
    await victim.kill();
    await eventually(() => expect(ledger.count(['stuck'])).toBe(50), 12_000);
    const keys = [...failing, 'a'];
    await publish(publisher, ['a'], 0, 50);
    await publish(publisher, keys, 50, 100);
    await eventually(() => expect(ledger.count(['stuck', 'a'])).toBe(200), 10_000);
    expect(ledger.handled('late')).toEqual([]);
    standBy.follow(nothingFails);
    await eventually(() => expect(ledger.count(keys)).toBe(300), 10_000);
    for (const key of keys) expect(ledger.handled(key)).toEqual(numbers(0, 100));
    expect(ledger.overtakers).toEqual([]);
    await expectEmpty(on.vhost);
  }, 60_000);

  // Red without the notes that `note` of waiting-queue.ts stores: it would end processes for ever.
  test('again and again by one of them leaves that one a dead letter, and all others handled', async () => {
    await using on = await stage(broker);
    const ledger = new Ledger();
    const poison: Step = { key: 'deadly', step: 3 };
    const behind = numbers(0, 10).map((number) => `behind ${number}`);
    const keys = ['deadly', 'beside', ...behind];
    const limits = { concurrency: 4, mostHeld: 0 };
    const publisher = createPublisher(on.rabbit);
    {
      await using first = new OrderedProcess(on.vhost.url(), ledger, { failing: keys }, limits);
      await first.ready;
      await publish(publisher, ['deadly', 'beside'], 0, 20);
      await eventually(() => expect(first.laidAside).toBe(40), 10_000);
      await eventually(async () => expect(await on.vhost.messages('steps')).toBe(0), 10_000);
    }
    await publish(publisher, behind, 0, 5);
    await outlived(on.vhost, ledger, poison, keys, 90, limits);
    await expectOneDead(on.vhost, poison);
    expect(ledger.first('deadly')).toEqual(numbers(0, 20).filter((step) => step !== poison.step));
    expect(ledger.first('beside')).toEqual(numbers(0, 20));
    expect(ledger.overtakers).toEqual([]);
  }, 90_000);

  // Red with `deliveryLimit: options.suspectLimit` for ordered consumers too (intake.ts), which then take one at a time.
  test('again and again by one of the work queue does the same, and keeps the order of each key', async () => {
    await using on = await stage(broker);
    const ledger = new Ledger();
    const poison: Step = { key: 'deadly', step: 3 };
    const keys = ['deadly', 'beside', 'more'];
    await using first = new OrderedProcess(on.vhost.url(), ledger, { failing: [], poison: { key: 'deadly', step: 0 } });
    await first.ready;
    await publish(createPublisher(on.rabbit), keys, 0, 20);
    await first.ended;
    await outlived(on.vhost, ledger, poison, keys, 60, { concurrency: 4 });
    await expectOneDead(on.vhost, poison);
    expect(ledger.first('deadly')).toEqual(numbers(0, 20).filter((step) => step !== poison.step));
    for (const key of ['beside', 'more']) expect(ledger.first(key)).toEqual(numbers(0, 20));
    expect(ledger.overtakers).toEqual([]);
  }, 90_000);
});

/** Processes die of a message, one after the other, until one has handled all others. */
async function outlived(
  vhost: Vhost,
  ledger: Ledger,
  poison: Step,
  keys: readonly string[],
  count: number,
  limits: Limits,
): Promise<void> {
  ledger.ended(poison);
  for (let [deaths, isOver] = [0, false]; !isOver; deaths += 1) {
    expect(deaths).toBeLessThan(18);
    await using child = new OrderedProcess(vhost.url(), ledger, { failing: [], poison }, limits);
    const done = eventually(() => expect(ledger.count(keys)).toBe(count), 15_000);
    isOver = await Promise.race([child.ended.then(() => false), done.then(() => true)]);
    if (!isOver) continue;
    for (const name of ['steps', 'steps.waiting']) {
      await eventually(async () => expect(await vhost.messages(name)).toBe(0), 10_000);
    }
  }
}

async function expectOneDead(vhost: Vhost, poison: Step): Promise<void> {
  const dead = await vhost.get('steps.dead-letter');
  expect(dead.map(({ content }) => JSON.parse(content.toString()))).toEqual([poison]);
  expect(dead[0]?.headers).toMatchObject({ 'surehop-reason': 'dead-letter' });
  expect(String(dead[0]?.headers['surehop-error-message'])).toContain('ended several processes');
}
