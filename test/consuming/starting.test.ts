import { type ConsumerOptions, connect, createConsumer, defineQueue, type RawConsumerOptions } from '@surehop/consumer';
import { attachBroker, eventually, FaultProxy } from '@surehop/testing';
import { connect as amqpConnect } from 'amqplib';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { sendJson, stage } from './stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const orders = defineQueue('orders');
const nothing = () => undefined;

describe('createConsumer()', () => {
  test('resolves once messages are handed out, with everything declared', async () => {
    await using on = await stage(broker);
    await using consumer = await createConsumer(on.rabbit, orders, nothing);
    expect(consumer.health()).toEqual({
      queue: 'orders',
      phase: 'consuming',
      inHand: 0,
      quarantine: false,
      stuckHandlers: 0,
      unstoredCopies: 0,
    });
    expect(on.rabbit.health().consumers).toEqual([consumer.health()]);
    const names = (await on.vhost.queues()).map(({ name }) => name);
    expect(names).toContain('orders.retry.600000');
  });

  test.each<[string, RawConsumerOptions & ConsumerOptions]>([
    ['concurrency', { concurrency: 0 }],
    ['prefetch', { prefetch: 65_536 }],
    ['handlerTimeoutMs', { handlerTimeoutMs: 0.5 }],
    ['handlerGraceMs', { handlerGraceMs: -1 }],
    ['drainTimeoutMs', { drainTimeoutMs: Number.NaN }],
    ['startTimeoutMs', { startTimeoutMs: 2 ** 31 }],
    ['concurrency', { concurency: 3 } as RawConsumerOptions & ConsumerOptions],
    ['retry', { retry: { delaysMs: [1] } }],
  ])('[%s] is checked, and unknown options are refused', async (option, options) => {
    await using on = await stage(broker);
    const created = createConsumer(on.rabbit, orders, nothing, options);
    await expect(created).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID', retryable: false });
    await expect(created).rejects.toThrow(option);
    expect(on.rabbit.health().consumers).toEqual([]);
  });

  test('rejects at once when the queue exists with other arguments, and leaves nothing behind', async () => {
    await using on = await stage(broker);
    const connection = await amqpConnect(on.vhost.url());
    await (await connection.createChannel()).assertQueue('orders', { durable: true, maxLength: 3 });
    await connection.close();
    await expect(createConsumer(on.rabbit, orders, nothing)).rejects.toMatchObject({
      code: 'SUREHOP_TOPOLOGY_MISMATCH',
      entity: 'queue "orders"',
    });
    expect(on.rabbit.health().consumers).toEqual([]);
  });

  test.each([
    ['declare', { configure: '' }],
    ['consume', { configure: '.*', write: '.*', read: '^orders[.]' }],
  ])('rejects at once when the user may not %s', async (_what, permissions) => {
    await using on = await stage(broker);
    await (await createConsumer(on.rabbit, orders, nothing)).close();
    const user = await on.vhost.addUser('guest', 'secret', permissions);
    await using rabbit = await connect({ url: user.url(), log: keepingLogger().log });
    await expect(createConsumer(rabbit, orders, nothing)).rejects.toMatchObject({ code: 'SUREHOP_ACCESS_REFUSED' });
    expect(rabbit.health().consumers).toEqual([]);
  });

  test('consumes with the documented permissions where others declare', async () => {
    await using on = await stage(broker);
    const retried = defineQueue('orders', { retry: { delaysMs: [100] } });
    await (await createConsumer(on.rabbit, retried, nothing)).close();
    const user = await on.vhost.addUser('worker', 'secret', { write: '^amq[.]default$', read: '^orders$' });
    await using rabbit = await connect({ url: user.url(), log: keepingLogger().log, topology: 'off' });
    const attempts: number[] = [];
    await using _consumer = await createConsumer(rabbit, retried, ({ attempt }) => {
      attempts.push(attempt);
      throw new Error('always');
    });
    await sendJson(on.vhost, 'orders', [1]);
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(1));
    expect(attempts).toEqual([1, 2]);
  });

  test('rejects at once when nobody has declared the queue and it may not do so', async () => {
    await using on = await stage(broker);
    await using rabbit = await connect({ url: on.vhost.url(), log: keepingLogger().log, topology: 'off' });
    await expect(createConsumer(rabbit, orders, nothing)).rejects.toMatchObject({ code: 'SUREHOP_TOPOLOGY_MISMATCH' });
    await expect(createConsumer(on.rabbit, { queue: 'absent', raw: true }, nothing)).rejects.toMatchObject({
      code: 'SUREHOP_TOPOLOGY_MISMATCH',
      entity: 'queue "absent"',
    });
  });

  test('[startTimeoutMs] goes on trying while there is no connection, then rejects and leaves nothing behind', async () => {
    await using on = await stage(broker);
    on.proxy.refuse();
    on.proxy.cut();
    await eventually(() => expect(on.rabbit.state.phase).not.toBe('open'));
    const patient = createConsumer(on.rabbit, orders, nothing);
    await expect(createConsumer(on.rabbit, orders, nothing, { startTimeoutMs: 300 })).rejects.toMatchObject({
      code: 'SUREHOP_CONNECT_TIMEOUT',
      retryable: true,
    });
    expect(on.rabbit.health().consumers).toHaveLength(1);
    on.proxy.heal();
    await using consumer = await patient;
    expect(consumer.health().phase).toBe('consuming');
  });

  test("[startTimeoutMs] the error says what went wrong, for example that the queue is somebody else's own", async () => {
    await using on = await stage(broker);
    const owner = await amqpConnect(on.vhost.url());
    try {
      await (await owner.createChannel()).assertQueue('private', { exclusive: true });
      const starting = createConsumer(on.rabbit, { queue: 'private', raw: true }, nothing, { startTimeoutMs: 700 });
      await expect(starting).rejects.toMatchObject({
        code: 'SUREHOP_CONNECT_TIMEOUT',
        message: expect.stringContaining('exclusive'),
        cause: expect.objectContaining({ replyCode: 405 }),
      });
    } finally {
      await owner.close();
    }
  });

  test('rejects on a connection that is closed, or closes meanwhile', async () => {
    await using vhost = await broker.vhost();
    await using proxy = await FaultProxy.start(vhost);
    const rabbit = await connect({ url: vhost.url(proxy.port), log: keepingLogger().log });
    proxy.refuse();
    proxy.cut();
    await eventually(() => expect(rabbit.state.phase).not.toBe('open'));
    const pending = createConsumer(rabbit, orders, nothing);
    const refused = expect(pending).rejects.toMatchObject({ code: 'SUREHOP_CLOSED' });
    await rabbit.close();
    await refused;
    await expect(createConsumer(rabbit, orders, nothing)).rejects.toMatchObject({ code: 'SUREHOP_CLOSED' });
  });
});
