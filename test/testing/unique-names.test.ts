import { connect, createConsumer, DeadLetter, defineExchange, defineQueue } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { attachBroker, type Broker, eventually, freePort, startBroker, type Vhost } from '@surehop/testing';
import * as amqplib from 'amqplib';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';

const run = attachBroker(inject('broker'));

/** Holds nothing but what is named here, and can be looked into. */
let own: Vhost;
/** Knows of the virtual host above what its URL tells. */
let broker: Broker;
let vhost: Vhost;

beforeAll(async () => {
  own = await run.vhost();
  broker = await startWithoutAdministration(own.url());
});

afterAll(async () => {
  await broker?.close();
  await own?.close();
});

beforeEach(async () => {
  vhost = await broker.vhost();
});

afterEach(() => vhost.close());

/** There is neither a management API nor a rabbitmqctl. */
async function startWithoutAdministration(url: string): Promise<Broker> {
  const env = { AMQP_URL: url, AMQP_MANAGEMENT_URL: `http://127.0.0.1:${await freePort()}`, PATH: '/nowhere' };
  return startBroker({ kind: 'url', env, log: () => {} });
}

test('unique names are told in the description, and differ from those of everybody else', async () => {
  await using other = await broker.vhost();

  expect(broker.description).toContain(`, from AMQP_URL, with unique names in its virtual host "${own.name}"`);
  expect(broker).toMatchObject({ way: 'url', version: run.version });
  expect(vhost).toMatchObject({ isShared: true, name: own.name });
  expect(vhost.url()).toBe(own.url());
  expect(broker.url()).toBe(own.url());
  expect(vhost.unique('orders')).toMatch(/^surehop-[\da-f]{8}-[\da-f]{8}-orders$/);
  expect(vhost.unique('orders')).not.toBe(other.unique('orders'));
});

test('what stands under a unique name, derived names included, is gone after close(), and nothing else', async () => {
  await declare(own.url(), 'of-somebody-else');
  const delaysMs = [50, 60_000];
  const name = vhost.unique('orders', { delaysMs });
  const events = defineExchange<string>(vhost.unique('events'), { type: 'fanout' });
  const orders = defineQueue<string>(name, { retry: { delaysMs }, bindTo: [{ exchange: events }] });
  const rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
  await createConsumer(rabbit, orders, ({ body }) => {
    throw body === 'bad' ? new DeadLetter('bad') : new Error('not now');
  });
  const publisher = createPublisher(rabbit);
  await publisher.publish(orders, 'bad', { messageId: 'a' });
  await publisher.publish(events, 'later', { messageId: 'b' });

  await eventually(async () => {
    expect(await vhost.messages(`${name}.dead-letter`)).toBe(1);
    expect(await vhost.messages(`${name}.retry.60000`)).toBe(1);
  });
  expect(await vhost.messageIds(`${name}.dead-letter`)).toEqual(['a']);
  const queues = ['', '.dead-letter', '.retry.50', '.retry.60000'].map((suffix) => `${name}${suffix}`);
  expect((await own.queues()).map((queue) => queue.name)).toEqual(['of-somebody-else', ...queues]);
  const exchanges = [`${name}.retry`, `${name}.dead-letter`, events.name];
  expect(await existing(exchanges)).toEqual(exchanges);

  await rabbit.close();
  await vhost.close();

  expect((await own.queues()).map((queue) => queue.name)).toEqual(['of-somebody-else']);
  expect(await existing(exchanges)).toEqual([]);
});

test('they are gone with their broker too, and what its user may not delete is told', async () => {
  const user = await own.addUser('limited', 'secret', { configure: '-mine$', write: '.*', read: '.*' });
  const limited = await startWithoutAdministration(user.url());
  const name = (await limited.vhost()).unique('mine');
  await declare(user.url(), name);

  await expect(limited.close()).rejects.toThrow(/mine\.dead-letter.*ACCESS_REFUSED/);

  expect((await own.queues()).map((queue) => queue.name)).not.toContain(name);
});

test('messages are published, counted and shown over AMQP', async () => {
  const name = vhost.unique('orders');
  await declare(vhost.url(), name);

  expect(await vhost.publish('', name, 'text', { message_id: 'a' })).toBe(true);
  expect(await vhost.publish('', vhost.unique('nowhere'), 'text')).toBe(false);
  expect(await vhost.messages(name)).toBe(1);
  expect(await vhost.get(name)).toMatchObject([{ content: Buffer.from('text'), properties: { message_id: 'a' } }]);
  expect(await vhost.messages(name)).toBe(1);

  await vhost.deleteQueue(name);
  await expect(vhost.messages(name)).rejects.toThrow(/NOT_FOUND/);
});

test('what needs an administrator is left undone, and said so', async () => {
  for (const refused of [
    vhost.queues(),
    vhost.closeConnections(),
    vhost.setPolicy('short', '.*', { 'max-length': 1 }),
    vhost.addUser('reader', 'secret'),
  ]) {
    await expect(refused).rejects.toThrow(/needs an administrator/);
  }
});

async function declare(url: string, queue: string): Promise<void> {
  const client = await amqplib.connect(url);
  await (await client.createChannel()).assertQueue(queue, { durable: true });
  await client.close();
}

async function existing(exchanges: readonly string[]): Promise<string[]> {
  const client = await amqplib.connect(own.url());
  const found: string[] = [];
  for (const exchange of exchanges) {
    const channel = await client.createChannel();
    channel.on('error', () => {}); // the answer, when there is none
    const answer = await channel.checkExchange(exchange).catch(() => undefined);
    if (answer !== undefined) found.push(exchange);
  }
  await client.close();
  return found;
}
