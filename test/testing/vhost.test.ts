import { attachBroker, type Broker, eventually, type Vhost } from '@surehop/testing';
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { vhostNames } from '../vhost-names.ts';

let broker: Broker;
let vhost: Vhost;

beforeAll(() => {
  broker = attachBroker(inject('broker'));
});

afterAll(() => broker.close());

beforeEach(async () => {
  vhost = await broker.vhost();
});

afterEach(() => vhost.close());

describe('a virtual host', () => {
  test('sees nothing of another one, and is gone after close()', async () => {
    await using other = await broker.vhost();
    await declare(other, 'orders', 'classic');

    expect(vhost.isShared).toBe(false);
    expect(vhost.unique('orders')).toBe('orders');
    expect(await vhost.queues()).toEqual([]);
    expect(await vhostNames(broker)).toEqual(expect.arrayContaining([vhost.name, other.name]));

    await Promise.all([other.close(), other.close()]);
    expect(await vhostNames(broker)).not.toContain(other.name);
  });

  test('is closed with the broker it was made through', async () => {
    const second = attachBroker(broker.definition());
    const { name } = await second.vhost();
    await second.close();
    expect(await vhostNames(broker)).not.toContain(name);
  });
});

describe.each(['classic', 'quorum'])('a %s queue', (type) => {
  test('messages() counts what is ready and what is unacknowledged, at once', async () => {
    await using client = await Client.open(vhost.url());
    await client.declare('orders', type);
    await client.publish('orders', ['a', 'b', 'c']);
    expect(await vhost.messages('orders')).toBe(3);

    await client.take('orders', 2);
    expect(await vhost.messages('orders')).toBe(3);
    expect(await vhost.messageIds('orders')).toEqual(['c']);

    client.channel.ackAll();
    await eventually(async () => expect(await vhost.messages('orders')).toBe(1));
  });

  test('get() shows messages in order and leaves them there', async () => {
    await using client = await Client.open(vhost.url());
    await client.declare('orders', type);
    await client.publish('orders', ['a', 'b', 'c']);

    const [first] = await vhost.get('orders', 1);

    expect(first).toMatchObject({
      content: Buffer.from('body of a'),
      properties: { message_id: 'a', delivery_mode: 2 },
      headers: { tenant: 'a' },
      exchange: '',
      routingKey: 'orders',
    });
    expect(await vhost.messageIds('orders')).toEqual(['a', 'b', 'c']);
    expect(await vhost.messageIds('orders')).toEqual(['a', 'b', 'c']);
  });
});

describe('the management of a virtual host', () => {
  test('publish() says whether a queue took the message', async () => {
    await declare(vhost, 'orders', 'classic');

    const bytes = Uint8Array.of(0, 255, 128);
    expect(await vhost.publish('', 'orders', bytes, { message_id: 'a', headers: { n: 1 } })).toBe(true);
    expect(await vhost.publish('', 'nowhere', 'text')).toBe(false);

    const [message] = await vhost.get('orders');
    expect(message).toMatchObject({ content: Buffer.from(bytes), headers: { n: 1 } });
  });

  test('queues() tells names and arguments; deleteQueue() deletes, also what is not there', async () => {
    await declare(vhost, 'orders', 'quorum');
    expect(await vhost.queues()).toEqual([
      { name: 'orders', type: 'quorum', durable: true, arguments: { 'x-queue-type': 'quorum' } },
    ]);

    await vhost.deleteQueue('orders');
    await vhost.deleteQueue('orders');
    await vhost.deleteExchange('nowhere');
    expect(await vhost.queues()).toEqual([]);
  });

  test('messages() of a queue that is not there says so', async () => {
    await expect(vhost.messages('orders')).rejects.toThrow(/There is no queue "orders"/);
  });

  test('setPolicy() applies to the queues it names', async () => {
    await declare(vhost, 'orders', 'classic');
    await vhost.setPolicy('short', '^orders$', { 'max-length': 1 });
    await eventually(async () => {
      await vhost.publish('', 'orders', 'x');
      await vhost.publish('', 'orders', 'x');
      expect(await vhost.messages('orders')).toBe(1);
    });
  });

  test('addUser() gives a user with just these permissions', async () => {
    const reader = await vhost.addUser('reader', 'p@ss/word:', { read: '.*' });
    await using client = await Client.open(reader.url());
    await expect(client.declare('orders', 'classic')).rejects.toThrow(/ACCESS_REFUSED/);
  });

  test('closeConnections() closes the connections of this virtual host only', async () => {
    await using other = await broker.vhost();
    await using mine = await Client.open(vhost.url());
    await using theirs = await Client.open(other.url());

    expect(await vhost.closeConnections()).toBe(1);

    await eventually(() => expect(mine.closed).toBe(true));
    expect(theirs.closed).toBe(false);
  });
});

/** One AMQP connection with a confirm channel. */
class Client implements AsyncDisposable {
  readonly channel: ConfirmChannel;
  closed = false;
  readonly #connection: ChannelModel;

  private constructor(connection: ChannelModel, channel: ConfirmChannel) {
    this.#connection = connection;
    this.channel = channel;
    connection.on('close', () => {
      this.closed = true;
    });
  }

  static async open(url: string): Promise<Client> {
    const connection = await connect(url);
    connection.on('error', () => {}); // 'close' follows
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    return new Client(connection, channel);
  }

  async declare(queue: string, type: string): Promise<void> {
    await this.channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': type } });
  }

  async publish(queue: string, ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const options = { messageId: id, persistent: true, headers: { tenant: id } };
      this.channel.sendToQueue(queue, Buffer.from(`body of ${id}`), options);
    }
    await this.channel.waitForConfirms();
  }

  /** Gets so many and keeps them unacknowledged. */
  async take(queue: string, count: number): Promise<void> {
    for (let taken = 0; taken < count; taken++) await this.channel.get(queue);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.closed) await this.#connection.close();
  }
}

async function declare(where: Vhost, queue: string, type: string): Promise<void> {
  await using client = await Client.open(where.url());
  await client.declare(queue, type);
}
