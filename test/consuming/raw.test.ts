import { createConsumer } from '@surehop/consumer';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { connect as amqpConnect } from 'amqplib';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { send, stage } from './stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const legacy = { queue: 'legacy', raw: true } as const;

/** A queue as somebody else made it. */
async function declareLegacy(vhost: Vhost): Promise<void> {
  const connection = await amqpConnect(vhost.url());
  await (await connection.createChannel()).assertQueue('legacy', { durable: true, maxPriority: 3 });
  await connection.close();
}

describe('a raw queue', () => {
  test('is consumed as it is, bodies are bytes, and failures have rungs and a dead-letter queue of their own', async () => {
    await using on = await stage(broker);
    await declareLegacy(on.vhost);
    const seen: unknown[] = [];
    await using consumer = await createConsumer(
      on.rabbit,
      legacy,
      ({ body, attempt, deliveryCount }) => {
        seen.push([Buffer.from(body).toString(), attempt, deliveryCount]);
        if (Buffer.from(body).toString() === 'bad') throw new Error('always');
      },
      { retry: { delaysMs: [100] } },
    );
    await send(on.vhost, 'legacy', ['good', 'bad'], { contentType: 'application/json' });
    await eventually(async () => expect(await on.vhost.messages('legacy.dead-letter')).toBe(1));
    expect(seen).toEqual([
      ['good', 1, 0],
      ['bad', 1, 0],
      ['bad', 2, 0],
    ]);
    await eventually(() => expect(consumer.health().inHand).toBe(0));
    const queues = Object.fromEntries((await on.vhost.queues()).map(({ name, arguments: args }) => [name, args]));
    expect(queues.legacy).toMatchObject({ 'x-max-priority': 3 });
    expect(Object.keys(queues)).toEqual(['legacy', 'legacy.dead-letter', 'legacy.retry.100']);
  });

  test('is taken from as usual whatever counts others wrote into their messages', async () => {
    await using on = await stage(broker);
    await declareLegacy(on.vhost);
    for (let index = 0; index < 20; index += 1) {
      await on.vhost.publish('', 'legacy', 'x', index % 2 === 0 ? {} : { headers: { 'x-delivery-count': 5 } });
    }
    const counts: number[] = [];
    await using consumer = await createConsumer(on.rabbit, legacy, ({ deliveryCount }) => {
      counts.push(deliveryCount);
    });
    await eventually(() => expect(counts).toHaveLength(20));
    expect(counts.every((count) => count === 0)).toBe(true);
    expect(consumer.health().quarantine).toBe(false);
    expect(on.lines.filter(({ message }) => message.includes('one at a time'))).toEqual([]);
  });

  test('that was deleted and made again is consumed again', async () => {
    await using on = await stage(broker);
    await declareLegacy(on.vhost);
    const seen: string[] = [];
    await using consumer = await createConsumer(on.rabbit, legacy, ({ body }) => {
      seen.push(Buffer.from(body).toString());
    });
    await on.vhost.deleteQueue('legacy');
    await eventually(() => expect(on.lines.some(({ message }) => message.includes('cannot subscribe'))).toBe(true));
    await declareLegacy(on.vhost);
    await eventually(() => expect(consumer.health().phase).toBe('consuming'), 15_000);
    await send(on.vhost, 'legacy', ['again']);
    await eventually(() => expect(seen).toEqual(['again']));
  });

  test('is named by an object that says so', async () => {
    await using on = await stage(broker);
    const refused = { code: 'SUREHOP_OPTION_INVALID' };
    for (const wrong of [
      { queue: 'legacy' },
      { queue: '', raw: true },
      'legacy',
      null,
      { ...legacy, type: 'quorum' },
    ]) {
      await expect(createConsumer(on.rabbit, wrong as never, () => undefined)).rejects.toMatchObject(refused);
    }
    await expect(createConsumer(on.rabbit, legacy, 'handler' as never)).rejects.toMatchObject(refused);
  });
});
