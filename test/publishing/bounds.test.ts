import { type Codec, defineQueue, type QueueOptions } from '@surehop/publisher';
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

const bytes: Codec = {
  contentType: 'application/octet-stream',
  encode: (value) => value as Uint8Array,
  decode: (content) => content,
};
const orders = defineQueue<Uint8Array>('orders', { codec: bytes });
const of = (length: number): Uint8Array => new Uint8Array(length);

describe('the bounds of a publisher', () => {
  test('[maxUnconfirmed] above it calls wait, in order, and go on as confirms come', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxUnconfirmed: 3 } });
    await opened.publisher.publish(orders, of(1));
    opened.proxy.blackhole();
    const all = Array.from({ length: 10 }, (_, index) =>
      opened.publisher.publish(orders, of(1), { messageId: `m-${index}` }),
    );
    expect(opened.publisher.health()).toMatchObject({ unconfirmed: 3, waiting: 7 });
    opened.proxy.heal();
    opened.proxy.cut();
    const receipts = await Promise.all(all);
    expect((await vhost.messageIds('orders')).slice(1)).toEqual(receipts.map(({ messageId }) => messageId));
    expect(opened.publisher.health()).toMatchObject({ unconfirmed: 0, waiting: 0 });
  });

  test('[maxUnconfirmedBytes] counts bodies and headers; one message that is larger goes through alone', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxUnconfirmedBytes: 1_000 } });
    await opened.publisher.publish(orders, of(1));
    opened.proxy.blackhole();
    const all = [
      opened.publisher.publish(orders, of(500)),
      opened.publisher.publish(orders, of(1), { headers: { note: 'x'.repeat(600) } }),
      opened.publisher.publish(orders, of(5_000)),
      opened.publisher.publish(orders, of(1)),
    ];
    expect(opened.publisher.health()).toMatchObject({ unconfirmed: 1, waiting: 3 });
    opened.proxy.heal();
    opened.proxy.cut();
    expect(await fates(all)).toEqual([1, 0, 0, 0]);
    expect((await vhost.get('orders')).map(({ content }) => content.length)).toEqual([1, 500, 1, 5_000, 1]);
  });

  test('[maxWaiting, maxWaitingBytes] above them a call is refused at once and nothing of it is stored', async () => {
    const bounds = { maxUnconfirmed: 1, maxWaiting: 2, maxWaitingBytes: 1_000 };
    await using opened = await openPublisher(vhost, { publisher: bounds });
    await opened.publisher.publish(orders, of(1));
    opened.proxy.blackhole();
    const kept = [of(1), of(900)].map((body) => opened.publisher.publish(orders, body));
    const tooMuch = opened.publisher.publish(orders, of(101));
    await expect(tooMuch).rejects.toMatchObject({ code: 'SUREHOP_PUBLISHER_FULL', retryable: true });
    kept.push(opened.publisher.publish(orders, of(1)));
    expect(await fates([opened.publisher.publish(orders, of(0))])).toEqual(['SUREHOP_PUBLISHER_FULL']);
    expect(opened.publisher.health()).toMatchObject({ unconfirmed: 1, waiting: 2 });
    expect(opened.lines.filter(({ message }) => message === 'a publisher is full and refuses messages')).toHaveLength(
      1,
    );
    opened.proxy.heal();
    opened.proxy.cut();
    expect(await fates(kept)).toEqual([1, 0, 0]);
    expect(await vhost.messages('orders')).toBe(4);
  });

  test('calls that wait for the first declaration of a topology count as waiting', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxWaiting: 2 } });
    const all = [1, 2, 3].map((length) => opened.publisher.publish(orders, of(length)));
    expect(opened.publisher.health()).toMatchObject({ unconfirmed: 0, waiting: 2 });
    expect(await fates(all)).toEqual([0, 0, 'SUREHOP_PUBLISHER_FULL']);
  });

  test('calls that wait for an asynchronous schema count as waiting, and what it refuses is not sent', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxWaiting: 2 } });
    const answers: ((issues: { message: string }[] | undefined) => void)[] = [];
    const validate = (value: unknown): Promise<unknown> =>
      new Promise((resolve) => answers.push((issues) => resolve(issues === undefined ? { value } : { issues })));
    const schema = { '~standard': { version: 1, vendor: 'test', validate } } as NonNullable<QueueOptions['schema']>;
    const checked = defineQueue('checked', { codec: bytes, schema });
    const all = [1, 2, 3].map((length) => opened.publisher.publish(checked, of(length)));
    expect(opened.publisher.health()).toMatchObject({ unconfirmed: 0, waiting: 2 });
    answers[0]?.(undefined);
    answers[1]?.([{ message: 'no' }]);
    expect(await fates(all)).toEqual([0, 'SUREHOP_BODY_INVALID', 'SUREHOP_PUBLISHER_FULL']);
    await eventually(() => expect(opened.publisher.health()).toMatchObject({ unconfirmed: 0, waiting: 0 }));
    expect(await vhost.messages('checked')).toBe(1);
  });
});
