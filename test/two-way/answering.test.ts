import { createConsumer, defineExchange, defineQueue } from '@surehop/consumer';
import { connect, createPublisher, type Rabbit } from '@surehop/publisher';
import { attachBroker, eventually, FaultProxy, type Vhost } from '@surehop/testing';
import { connect as amqpConnect } from 'amqplib';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { gate } from '../consuming/stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const orders = defineQueue<number>('orders', { retry: { delaysMs: [200] } });
const bodies = Array.from({ length: 200 }, (_, index) => index);

interface Party extends AsyncDisposable {
  readonly rabbit: Rabbit;
  readonly proxy: FaultProxy;
}

/** A connection behind a proxy of its own. */
async function party(vhost: Vhost): Promise<Party> {
  const proxy = await FaultProxy.start(vhost);
  const rabbit = await connect({ url: vhost.url(proxy.port), log: keepingLogger().log, reconnectMaxDelayMs: 200 });
  return {
    rabbit,
    proxy,
    async [Symbol.asyncDispose]() {
      await rabbit.close({ timeoutMs: 0 });
      await proxy.close();
    },
  };
}

async function replyQueues(vhost: Vhost): Promise<string[]> {
  return (await vhost.queues()).map(({ name }) => name).filter((name) => name.startsWith('surehop.replies.'));
}

describe('publishAndWait', () => {
  test('gives each of many its own answer, and leaves no queue behind', async () => {
    await using vhost = await broker.vhost();
    await using consuming = await party(vhost);
    await using asking = await party(vhost);
    await createConsumer(consuming.rabbit, orders, ({ body, attempt }) => {
      if (body === 7) throw new RangeError('seven is too many');
      if (body % 10 === 1 && attempt === 1) throw new Error('not yet');
      return { body, attempt };
    });
    const publisher = createPublisher(asking.rabbit);
    const answers = await Promise.allSettled(bodies.map((body) => publisher.publishAndWait(orders, body)));
    for (const [body, answer] of answers.entries()) {
      const told = { value: { body, attempt: body % 10 === 1 ? 2 : 1 } };
      const failed = { reason: { code: 'SUREHOP_DEAD_LETTERED', attempts: 2, cause: { name: 'RangeError' } } };
      expect(answer).toMatchObject(body === 7 ? failed : told);
    }
    expect(await replyQueues(vhost)).toHaveLength(1);
    await publisher.close();
    await eventually(async () => expect(await replyQueues(vhost)).toEqual([]));
  });

  test('waits behind an exchange for the confirm of all queues, and for the first answer', async () => {
    await using vhost = await broker.vhost();
    await using both = await party(vhost);
    const shop = defineExchange<string>('shop', { type: 'fanout' });
    const bound = (name: string) => defineQueue<string>(name, { bindTo: [{ exchange: shop }] });
    const never = gate();
    await createConsumer(both.rabbit, bound('slow'), () => never.opened);
    await createConsumer(both.rabbit, bound('quick'), ({ body, queue }) => `${body} by ${queue}`);
    expect(await createPublisher(both.rabbit).publishAndWait(shop, 'sold')).toBe('sold by quick');
    never.open();
  });

  test.each(['whoever waits', 'the consumer'] as const)(
    'survives a connection of %s that is cut, with 200 calls under way',
    async (whose) => {
      await using vhost = await broker.vhost();
      await using consuming = await party(vhost);
      await using asking = await party(vhost);
      const go = gate();
      let started = 0;
      await createConsumer(
        consuming.rabbit,
        orders,
        async ({ body }) => {
          started += 1;
          await go.opened;
          return body + 0.5;
        },
        { concurrency: 50 },
      );
      const publisher = createPublisher(asking.rabbit);
      const answers = bodies.map((body) => publisher.publishAndWait(orders, body, { timeoutMs: 20_000 }));
      await eventually(() => expect(started).toBe(50));
      await eventually(() => expect(publisher.health().unconfirmed).toBe(0));
      const { rabbit, proxy } = whose === 'the consumer' ? consuming : asking;
      proxy.cut();
      await eventually(() => expect(rabbit.state.phase).not.toBe('open'));
      go.open();
      expect(await Promise.all(answers)).toEqual(bodies.map((body) => body + 0.5));
    },
  );

  test.each(['configure', 'read'] as const)(
    'is refused to who has no right to %s the reply queue, and sends nothing',
    async (right) => {
      await using vhost = await broker.vhost();
      const names = '^orders(\\.retry(\\.[0-9]+)?|\\.dead-letter|\\.waiting)?$';
      const user = await vhost.addUser('clerk', 'secret', { configure: '.*', write: '.*', read: '.*', [right]: names });
      const rabbit = await connect({ url: user.url(), log: keepingLogger().log });
      const publisher = createPublisher(rabbit);
      await publisher.publish(orders, 0);
      await expect(publisher.publishAndWait(orders, 1)).rejects.toMatchObject({
        code: 'SUREHOP_ACCESS_REFUSED',
        message: expect.stringContaining('configure and read on ^surehop\\.replies\\.'),
      });
      expect(await vhost.messages('orders')).toBe(1);
      await rabbit.close();
    },
  );
});

test('any client may ask, by direct reply-to too, and one that has gone hurts nobody', async () => {
  await using vhost = await broker.vhost();
  await using consuming = await party(vhost);
  const leave = gate();
  await createConsumer(consuming.rabbit, orders, async ({ body }) => {
    if (body === 0) await leave.opened;
    return { body };
  });
  const headers = { 'surehop-answer': 'wanted' };
  const replyTo = 'amq.rabbitmq.reply-to';
  const foreign = await amqpConnect(vhost.url());
  const channel = await foreign.createChannel();
  const answers: unknown[] = [];
  const taken = (message: Parameters<Parameters<typeof channel.consume>[1]>[0]): void => {
    answers.push([message?.properties.correlationId, JSON.parse(String(message?.content))]);
  };
  await channel.consume(replyTo, taken, { noAck: true });
  channel.sendToQueue('orders', Buffer.from('1'), { replyTo, headers, messageId: 'first' });
  channel.sendToQueue('orders', Buffer.from('2'), { replyTo, headers, correlationId: 'second' });
  await eventually(() => expect(answers).toHaveLength(2));
  expect(answers).toEqual(
    expect.arrayContaining([
      ['first', { body: 1 }],
      ['second', { body: 2 }],
    ]),
  );
  channel.sendToQueue('orders', Buffer.from('0'), { replyTo, headers, messageId: 'late' });
  await channel.close();
  await foreign.close();
  leave.open();
  await eventually(async () => expect(await vhost.messages('orders')).toBe(0));
  expect(await createPublisher(consuming.rabbit).publishAndWait(orders, 3)).toEqual({ body: 3 });
});
