import { connect } from '@surehop/dead-letters';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { stage } from '../consuming/stage.ts';
import { BrowsingProcess } from './browsing-process.ts';
import { deadLettersIn, drain, fillQueue, idsOf, numbers, onChannel } from './queues.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const queue = 'orders.dead-letter';

describe('browsing changes nothing', () => {
  test('200 times, wholly and in part: nothing is dropped, everything is in its place', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, queue);
    const deadLetters = deadLettersIn(on.rabbit, queue);
    for (let round = 0; round < 200; round += 1) {
      const limit = [50_000, 7, 50][round % 3] ?? 1;
      const { messages, looked, more } = await deadLetters.browse({ limit });
      expect(messages.map(({ id }) => id)).toEqual(idsOf(Math.min(limit, 50)));
      expect({ looked, more }).toEqual({ looked: messages.length, more: limit === 7 });
    }
    expect(await deadLetters.count()).toBe(50);
    expect(await drain(on.vhost, queue, 50)).toEqual(numbers(50));
  }, 60_000);

  test('also where more is looked at than one window of a consumer holds, and messages come meanwhile', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, queue, { count: 2_500 });
    const deadLetters = deadLettersIn(on.rabbit, queue);
    let late = Promise.resolve(true);
    const onProgress = () => {
      late = late.then(() => on.vhost.publish('', queue, '0'));
    };
    const { looked, messages } = await deadLetters.browse({ onProgress, selection: { filter: 'body != 0' } });
    // Already now: whoever looks next sees all of it.
    expect(await deadLetters.count()).toBeGreaterThanOrEqual(2_500);
    expect(looked).toBeGreaterThanOrEqual(2_500);
    expect(messages.map(({ id }) => id)).toEqual(idsOf(2_500));
    await late;
    const there = await deadLetters.count();
    const bodies = await drain(on.vhost, queue, there);
    expect(bodies).toEqual([...numbers(2_500), ...Array.from({ length: there - 2_500 }, () => 0)]);
  });

  test('when it is stopped half-way', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, queue);
    const deadLetters = deadLettersIn(on.rabbit, queue);
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error('enough'));
    await expect(deadLetters.browse({ signal: stop.signal, onProgress })).rejects.toThrow('enough');
    await expect(deadLetters.groups({ signal: stop.signal })).rejects.toThrow('enough');
    expect(await deadLetters.count()).toBe(50);
    expect(await drain(on.vhost, queue, 50)).toEqual(numbers(50));
  });

  test('when its process is killed with everything in hand', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, queue);
    {
      await using browsing = new BrowsingProcess({ url: on.vhost.url(), queue, count: 30 });
      await browsing.holds;
      expect(await deadLettersIn(on.rabbit, queue).count()).toBe(20);
    }
    await eventually(async () => expect(await deadLettersIn(on.rabbit, queue).count()).toBe(50), 10_000);
    expect(await drain(on.vhost, queue, 50)).toEqual(numbers(50));
  });

  test('beside somebody who consumes: that one gets every message, once', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, queue, { count: 60 });
    const deadLetters = deadLettersIn(on.rabbit, queue);
    const bodies = await onChannel(on.vhost, async (channel) => {
      const seen: number[] = [];
      await channel.prefetch(1);
      await channel.consume(queue, (message) => {
        if (message === null) return;
        seen.push(Number(message.content.toString()));
        setTimeout(() => channel.ack(message), 5);
      });
      while (seen.length < 60) {
        const { looked } = await deadLetters.browse();
        expect(looked).toBeLessThanOrEqual(60);
      }
      return seen;
    });
    expect(bodies.toSorted((one, other) => one - other)).toEqual(numbers(60));
  });

  test('when the broker is lost meanwhile: it begins anew, and shows each message once', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, queue);
    const deadLetters = deadLettersIn(on.rabbit, queue);
    let cuts = 0;
    const onProgress = ({ looked }: { looked: number }) => {
      if (looked > 1 || cuts === 2) return;
      cuts += 1;
      on.proxy.cut();
    };
    const { messages, looked } = await deadLetters.browse({ onProgress });
    expect({ cuts, looked, ids: messages.map(({ id }) => id) }).toEqual({ cuts: 2, looked: 50, ids: idsOf(50) });
    await eventually(async () => expect(await deadLetters.count()).toBe(50), 10_000);
    expect(await drain(on.vhost, queue, 50)).toEqual(numbers(50));
  });
});

describe('browsing shows', () => {
  test('how far it has come, and whether there is more', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, queue);
    const told: unknown[] = [];
    const onProgress = ({ elapsedMs: _elapsedMs, ...progress }: object & { elapsedMs: number }) => told.push(progress);
    const selection = { filter: 'body in (7, 8, 30)' };
    const deadLetters = deadLettersIn(on.rabbit, queue);
    const { messages, looked, more } = await deadLetters.browse({ selection, limit: 20, onProgress });
    expect({ ids: messages.map(({ id }) => id), looked, more }).toEqual({
      ids: ['id-7', 'id-8'],
      looked: 20,
      more: true,
    });
    expect(told.at(0)).toEqual({ looked: 1, matched: 0, done: 0, total: 20 });
    expect(told.at(-1)).toEqual({ looked: 20, matched: 2, done: 0, total: 20 });
    expect(await deadLetters.browse({ selection: { ids: ['id-50'] } })).toMatchObject({ looked: 50, more: false });
    expect(await deadLetters.groups()).toMatchObject({
      looked: 50,
      more: false,
      groups: [{ count: 50, sampleId: 'id-1' }],
    });
  });

  test('nothing of an empty queue', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, queue, { count: 0 });
    const deadLetters = deadLettersIn(on.rabbit, queue);
    expect(await deadLetters.count()).toBe(0);
    expect(await deadLetters.browse()).toEqual({ messages: [], looked: 0, more: false });
    expect(await deadLetters.groups()).toEqual({ groups: [], looked: 0, more: false });
  });

  test('that there is no such queue', async () => {
    await using on = await stage(broker);
    const missing = deadLettersIn(on.rabbit, 'nowhere');
    for (const call of [() => missing.count(), () => missing.browse(), () => missing.groups()]) {
      const refusal = { code: 'SUREHOP_QUEUE_NOT_FOUND', message: expect.stringContaining('"nowhere"') };
      await expect(call()).rejects.toMatchObject(refusal);
    }
    expect(on.rabbit.health().status).toBe('ok');
  });

  test('that this user may not read the queue', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, queue);
    const user = await on.vhost.addUser('writer', 'secret', { configure: '.*', write: '.*', read: '^other$' });
    await using rabbit = await connect({ url: user.url(), log: keepingLogger().log });
    await expect(deadLettersIn(rabbit, queue).browse()).rejects.toMatchObject({ code: 'SUREHOP_ACCESS_REFUSED' });
  });
});
