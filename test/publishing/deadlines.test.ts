import { getEventListeners } from 'node:events';
import { createPublisher, defineQueue } from '@surehop/publisher';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { fates, openPublisher } from './open-publisher.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
beforeEach(async () => {
  vhost = await broker.vhost();
  return () => vhost.close();
});
afterAll(() => broker.close());

const orders = defineQueue<number>('orders');
const soon = { deadlineMs: 300 };

describe('[deadlineMs] a publish that was never written', () => {
  test('ends as not sent, with what is wrong with the connection', async () => {
    await using opened = await openPublisher(vhost);
    await opened.publisher.publish(orders, 0);
    opened.proxy.refuse();
    opened.proxy.cut();
    await eventually(() => expect(opened.rabbit.state.phase).not.toBe('open'));
    const error = await opened.publisher.publish(orders, 1, soon).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'NotSentError', code: 'SUREHOP_PUBLISH_NOT_SENT', retryable: true });
    expect(String(error)).toContain('its deadline of 300 ms passed');
    expect(String(error)).toContain('the connection is down');
    expect((error as Error).cause).toBeInstanceOf(Error);
    opened.proxy.heal();
    await opened.publisher.publish(orders, 2, { messageId: 'two' });
    expect((await vhost.get('orders')).map(({ content }) => String(content))).toEqual(['0', '2']);
  });

  test('ends as not sent when its topology could not be declared before', async () => {
    await using opened = await openPublisher(vhost);
    opened.proxy.refuse();
    opened.proxy.cut();
    await eventually(() => expect(opened.rabbit.state.phase).not.toBe('open'));
    const error = await opened.publisher.publish(orders, 1, soon).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'NotSentError', cause: expect.any(Error) });
    expect(String(error)).toContain('the topology of queue "orders" could not be declared yet');
    opened.proxy.heal();
    expect(await fates([opened.publisher.publish(orders, 2)])).toEqual([0]);
  });

  test('is as long as the publisher says, where the call says nothing', async () => {
    await using opened = await openPublisher(vhost);
    const impatient = createPublisher(opened.rabbit, { deadlineMs: 200 });
    opened.proxy.refuse();
    opened.proxy.cut();
    const startedAt = performance.now();
    expect(await fates([impatient.publish(orders, 1)])).toEqual(['SUREHOP_PUBLISH_NOT_SENT']);
    // Node's timers count whole milliseconds from the beginning of the event loop's turn, so that they may be this early.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(195);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    opened.proxy.heal();
  });
});

describe('[deadlineMs] a publish that was written and not answered', () => {
  test('ends as unknown, and is not written again', async () => {
    await using opened = await openPublisher(vhost);
    await opened.publisher.publish(orders, 0, { messageId: 'first' });
    opened.proxy.swallow('to-client');
    const error = await opened.publisher.publish(orders, 1, { ...soon, messageId: 'lost' }).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: 'UnknownOutcomeError', code: 'SUREHOP_PUBLISH_UNKNOWN', messageId: 'lost' });
    expect(String(error)).toContain('the broker did not answer');
    opened.proxy.heal();
    opened.proxy.cut();
    await opened.publisher.publish(orders, 2, { messageId: 'after' });
    expect(await vhost.messageIds('orders')).toEqual(['first', 'lost', 'after']);
  });

  test('takes its room until it is answered, so that late answers cannot fill the memory', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxUnconfirmed: 2 } });
    await opened.publisher.publish(orders, 0);
    opened.proxy.swallow('to-client');
    const written = [1, 2].map((body) => opened.publisher.publish(orders, body, soon));
    expect(await fates(written)).toEqual(['SUREHOP_PUBLISH_UNKNOWN', 'SUREHOP_PUBLISH_UNKNOWN']);
    expect(opened.publisher.health()).toMatchObject({ unconfirmed: 2, waiting: 0 });
    const error = await opened.publisher.publish(orders, 3, soon).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'NotSentError' });
    expect(String(error)).toContain('it waited for room behind 2 unconfirmed messages');
    opened.proxy.heal();
    opened.proxy.cut();
    expect(await fates([opened.publisher.publish(orders, 4)])).toEqual([0]);
    expect(opened.publisher.health()).toEqual({ unconfirmed: 0, waiting: 0, stalledMs: 0, awaitedAnswers: 0 });
  });
});

describe('[signal] a caller who gives up', () => {
  test('before the call: nothing is sent', async () => {
    await using opened = await openPublisher(vhost);
    const error = await opened.publisher
      .publish(orders, 1, { signal: AbortSignal.abort(new Error('never mind')) })
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ name: 'NotSentError', cause: { message: 'never mind' } });
  });

  test('before it was written: not sent; after it was written: unknown; each with the reason as the cause', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxUnconfirmed: 1 } });
    await opened.publisher.publish(orders, 0);
    opened.proxy.swallow('to-client');
    const stop = new AbortController();
    const both = Promise.allSettled(
      [1, 2].map((body) => opened.publisher.publish(orders, body, { signal: stop.signal })),
    );
    await eventually(async () => expect(await vhost.messages('orders')).toBe(2));
    const why = new Error('shutting down');
    stop.abort(why);
    const [written, waiting] = await both;
    expect(written).toMatchObject({ reason: { name: 'UnknownOutcomeError', cause: why } });
    expect(waiting).toMatchObject({ reason: { name: 'NotSentError', cause: why } });
  });

  test('has no listener on his signal once all is settled', async () => {
    await using opened = await openPublisher(vhost);
    const { signal } = new AbortController();
    const all = Array.from({ length: 20 }, (_, body) => opened.publisher.publish(orders, body, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await Promise.all(all);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
