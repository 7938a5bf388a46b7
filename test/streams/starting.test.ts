import {
  connect,
  createConsumer,
  createStreamReader,
  defineQueue,
  defineStream,
  type StreamContract,
} from '@surehop/consumer';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { sendJson, stage } from '../consuming/stage.ts';
import { onChannel } from '../dead-letters/queues.ts';
import { deadBodies, events, publish } from './log.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

/** Publishes and reads with these rights alone; of two messages the first is laid aside. */
async function worksWith(vhost: Vhost, url: string, topology: 'declare' | 'off', stream: StreamContract<unknown>) {
  const { log } = keepingLogger();
  await using rabbit = await connect({ url, topology, log });
  await publish(rabbit, stream, ['bad', 'good']);
  const seen: unknown[] = [];
  const handler = ({ body }: { body: unknown }) => {
    if (body === 'bad') throw new Error('bad');
    seen.push(body);
  };
  await using _reader = await createStreamReader(rabbit, stream, handler);
  await eventually(() => expect(seen).toEqual(['good']));
  expect(await deadBodies(vhost, stream.name)).toEqual(['"bad"']);
}

describe('createStreamReader()', () => {
  test('and publishing need the documented permissions, and no others', async () => {
    await using vhost = await broker.vhost();
    const log = defineStream('log', { maxBytes: 1_000_000, retry: { delaysMs: [] } });
    const all = '^log([.]dead-letter)?$';
    const owner = { configure: all, write: '^(amq[.]default|log([.]dead-letter)?)$', read: all };
    await worksWith(vhost, (await vhost.addUser('owner', 'secret', owner)).url(), 'declare', log);
    const guest = await vhost.addUser('guest', 'secret', { write: '^amq[.]default$', read: '^log$' });
    await using rabbit = await connect({ url: guest.url(), topology: 'off', log: keepingLogger().log });
    await publish(rabbit, log, ['more']);
    const seen: unknown[] = [];
    await using _reader = await createStreamReader(rabbit, log, ({ body }) => void seen.push(body), { from: 'next' });
    await publish(rabbit, log, ['most']);
    await eventually(() => expect(seen).toEqual(['most']));
  });

  test('rejects at once where the stream has other arguments', async () => {
    await using on = await stage(broker);
    await publish(on.rabbit, events, [1]);
    const other = defineStream('events', { maxBytes: 2_000_000, segmentBytes: 5_000 });
    await expect(createStreamReader(on.rabbit, other, () => undefined)).rejects.toMatchObject({
      code: 'SUREHOP_TOPOLOGY_MISMATCH',
      entity: 'queue "events"',
    });
    expect(on.rabbit.health().readers).toEqual([]);
  });

  test('reads nothing of a queue that is no stream, and leaves it to its consumers', async () => {
    await using on = await stage(broker);
    await onChannel(on.vhost, (channel) => channel.assertQueue('events', { arguments: { 'x-queue-type': 'quorum' } }));
    await sendJson(on.vhost, 'events', [1]);
    await using rabbit = await connect({ url: on.vhost.url(), topology: 'off', log: keepingLogger().log });
    const seen: unknown[] = [];
    const reader = await createStreamReader(rabbit, events, ({ body }) => void seen.push(body)).catch(() => undefined);
    await eventually(() =>
      expect(reader?.health().fault ?? 'SUREHOP_TOPOLOGY_MISMATCH').toBe('SUREHOP_TOPOLOGY_MISMATCH'),
    );
    await reader?.close();
    expect(seen).toEqual([]);
    await eventually(async () => expect(await on.vhost.messages('events')).toBe(1));
  });

  test.each([undefined, 'events', { kind: 'queue' }])('refuses %j in place of a stream', async (stream) => {
    await using on = await stage(broker);
    await expect(createStreamReader(on.rabbit, stream as never, () => undefined)).rejects.toMatchObject({
      code: 'SUREHOP_OPTION_INVALID',
    });
  });
});

describe('createConsumer() refuses a stream, which it would skip messages of,', () => {
  const refused = {
    code: 'SUREHOP_TOPOLOGY_MISMATCH',
    entity: 'queue "events"',
    argument: 'x-queue-type',
    found: 'stream',
    message: expect.stringContaining('createStreamReader'),
  };

  test('as a raw queue, and by a contract that nobody compares', async () => {
    await using on = await stage(broker);
    await publish(on.rabbit, events, [1]);
    const seen: unknown[] = [];
    const handler = ({ body }: { body: unknown }) => void seen.push(body);
    const raw = { queue: 'events', raw: true } as const;
    await expect(createConsumer(on.rabbit, raw, handler)).rejects.toMatchObject(refused);
    expect(on.rabbit.health().consumers).toEqual([]);
    await using rabbit = await connect({ url: on.vhost.url(), topology: 'off', log: keepingLogger().log });
    await expect(createConsumer(rabbit, defineQueue('events'), handler)).rejects.toMatchObject(refused);
    await using _reader = await createStreamReader(on.rabbit, events, handler);
    await eventually(() => expect(seen).toEqual([1]));
  });

  test('also one that has taken the place of its queue', async () => {
    await using on = await stage(broker);
    await onChannel(on.vhost, (channel) => channel.assertQueue('events'));
    await using consumer = await createConsumer(on.rabbit, { queue: 'events', raw: true }, () => undefined);
    await onChannel(on.vhost, async (channel) => {
      await channel.deleteQueue('events');
      await channel.assertQueue('events', { arguments: { 'x-queue-type': 'stream' } });
    });
    await eventually(() => {
      const told = on.lines.filter(({ message }) => message === 'the consumer cannot subscribe; trying again slowly');
      expect(told.map(({ fields }) => fields.error)).toContainEqual(expect.stringContaining("'x-priority'"));
    }, 15_000);
    expect(consumer.health().phase).toBe('subscribing');
  });
});
