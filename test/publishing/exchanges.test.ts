import { connect, createPublisher, defineExchange, defineQueue } from '@surehop/publisher';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { closedChannels, fates, openPublisher } from './open-publisher.ts';
import { bindRaw, declareRawExchange, declareRawQueue, permitTopic } from './somebody-else.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
beforeEach(async () => {
  vhost = await broker.vhost();
  return () => vhost.close();
});
afterAll(() => broker.close());

const shop = defineExchange<number>('shop', { type: 'topic' });
const orders = defineQueue<number>('orders', { bindTo: [{ exchange: shop, routingKey: '#' }] });
const one = Buffer.from('1');

describe('an exchange named raw', () => {
  test('that is missing rejects what goes there, and nothing else', async () => {
    await using opened = await openPublisher(vhost);
    const { publisher } = opened;
    await publisher.publish(orders, 0);
    const all = [1, 2, 3].flatMap((body) => [
      publisher.publish(orders, body),
      publisher.publishTo({ exchange: 'missing', routingKey: 'a' }, one),
      publisher.publish(shop, body, { routingKey: 'a' }),
    ]);
    const missing = 'SUREHOP_EXCHANGE_NOT_FOUND';
    expect(await fates(all)).toEqual([0, missing, 0, 0, missing, 0, 0, missing, 0]);
    expect(opened.rabbit.state).toMatchObject({ phase: 'open', generation: 1 });
  });

  test('that is missing is asked for once, not again and again', async () => {
    await using opened = await openPublisher(vhost);
    const raw = () => opened.publisher.publishTo({ exchange: 'missing', routingKey: 'a' }, one);
    expect(new Set(await fates(Array.from({ length: 20 }, raw)))).toEqual(new Set(['SUREHOP_EXCHANGE_NOT_FOUND']));
    const startedAt = performance.now();
    await eventually(() => expect(performance.now() - startedAt).toBeGreaterThan(1_500));
    const failures = opened.lines.filter(({ message }) => message === 'could not open a publishing channel');
    expect(failures).toHaveLength(1);
  });

  test('is checked anew for later calls: once it is there, they are stored', async () => {
    await using opened = await openPublisher(vhost);
    await opened.publisher.publish(orders, 0);
    const publish = () => opened.publisher.publishTo({ exchange: 'later', routingKey: '' }, one);
    expect(await fates([publish(), publish()])).toEqual(['SUREHOP_EXCHANGE_NOT_FOUND', 'SUREHOP_EXCHANGE_NOT_FOUND']);
    await declareRawExchange(vhost, 'later', { type: 'fanout' });
    await bindRaw(vhost, 'later', 'orders', '');
    expect(await fates([publish(), publish()])).toEqual([0, 0]);
  });

  test('that is internal rejects what goes there, and nothing else', async () => {
    await using opened = await openPublisher(vhost);
    await opened.publisher.publish(orders, 0);
    await declareRawExchange(vhost, 'inner', { type: 'fanout', internal: true });
    const all = [1, 2].flatMap((body) => [
      opened.publisher.publish(orders, body),
      opened.publisher.publishTo({ exchange: 'inner', routingKey: '' }, one),
    ]);
    expect(await fates(all)).toEqual([0, 'SUREHOP_ACCESS_REFUSED', 0, 'SUREHOP_ACCESS_REFUSED']);
  });

  test('that this user may not write to rejects what goes there, and nothing else', async () => {
    await declareRawExchange(vhost, 'theirs', { type: 'fanout' });
    await declareRawQueue(vhost, 'ours', {});
    const { url } = await vhost.addUser('writer', 'secret', { write: '^amq\\.default$', read: '^theirs$' });
    await using opened = await openPublisher(vhost, { url });
    const all = ['theirs', '', 'theirs', ''].map((exchange) =>
      opened.publisher.publishTo({ exchange, routingKey: 'ours' }, one),
    );
    expect(await fates(all)).toEqual(['SUREHOP_ACCESS_REFUSED', 0, 'SUREHOP_ACCESS_REFUSED', 0]);
  });

  test('hundreds of them do not use up the channels', async () => {
    await using opened = await openPublisher(vhost);
    await opened.publisher.publish(orders, 0);
    for (let round = 0; round < 30; round += 1) {
      const names = Array.from({ length: 10 }, (_, index) => `e-${round}-${index}`);
      const all = names.map((exchange) => opened.publisher.publishTo({ exchange, routingKey: '' }, one));
      expect(new Set(await fates(all))).toEqual(new Set(['SUREHOP_EXCHANGE_NOT_FOUND']));
    }
    expect(await fates([opened.publisher.publish(orders, 1)])).toEqual([0]);
  });
});

describe('an exchange of a contract', () => {
  test('that somebody deleted is declared again, and its messages are kept', async () => {
    await using opened = await openPublisher(vhost);
    const alone = defineExchange<number>('alone', { type: 'fanout', alternate: shop });
    await opened.publisher.publish(orders, 0);
    await opened.publisher.publish(alone, 1);
    await vhost.deleteExchange('alone');
    expect(await fates([2, 3, 4].map((body) => opened.publisher.publish(alone, body)))).toEqual([1, 1, 1]);
    expect((await vhost.get('orders')).map(({ content }) => String(content))).toEqual(['0', '1', '2', '3', '4']);
  });

  test('[topology: verify] that is missing rejects what goes there at once, and so does one that went away', async () => {
    await declareRawExchange(vhost, 'shop', { type: 'topic' });
    await using opened = await openPublisher(vhost, { connect: { topology: 'verify' } });
    expect(await fates([opened.publisher.publish(shop, 1, { routingKey: 'a' })])).toEqual(['SUREHOP_UNROUTABLE']);
    await vhost.deleteExchange('shop');
    const error = await opened.publisher.publish(shop, 1, { routingKey: 'a' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'SUREHOP_EXCHANGE_NOT_FOUND' });
    const { log } = keepingLogger();
    await using other = await connect({ url: vhost.url(), topology: 'verify', log });
    const never = createPublisher(other).publish(shop, 1, { routingKey: 'a' });
    expect(await fates([never])).toEqual(['SUREHOP_TOPOLOGY_MISMATCH']);
  });

  test('[topology: off] nothing is declared, and nothing waited for', async () => {
    await using opened = await openPublisher(vhost, { connect: { topology: 'off' } });
    const missing = opened.publisher.publish(shop, 1, { routingKey: 'a' });
    expect(opened.publisher.health()).toMatchObject({ unconfirmed: 1, waiting: 0 });
    expect(await fates([missing, opened.publisher.publish(orders, 1)])).toEqual([
      'SUREHOP_EXCHANGE_NOT_FOUND',
      'SUREHOP_UNROUTABLE',
    ]);
    await eventually(async () => expect(await vhost.queues()).toEqual([]));
  });

  test('a routing key that this user may not write to ends only the messages under it', async () => {
    await using admin = await openPublisher(vhost);
    await admin.publisher.publish(orders, 0);
    const { url, username } = await vhost.addUser('writer', 'secret', { write: '.*' });
    await permitTopic(vhost, username, 'shop', '^open\\.');
    await using opened = await openPublisher(vhost, { url, connect: { topology: 'off' } });
    const all = ['open.a', 'open.b', 'closed.a', 'open.c', 'closed.b', 'open.d'].map((routingKey) =>
      opened.publisher.publish(shop, 1, { routingKey }),
    );
    const refused = 'SUREHOP_ACCESS_REFUSED';
    const stored = expect.any(Number);
    expect(await fates(all)).toEqual([stored, stored, refused, stored, refused, stored]);
    await eventually(() => expect(closedChannels(opened.lines).length).toBeGreaterThan(0));
  });
});
