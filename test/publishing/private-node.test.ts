import { defineQueue, type Rabbit } from '@surehop/publisher';
import { eventually, type Vhost } from '@surehop/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { privateBroker } from '../private-broker.ts';
import { fates, openPublisher } from './open-publisher.ts';
import { declareRawQueue } from './somebody-else.ts';

const mebibyte = 1_024 * 1_024;
const config = `max_message_size = ${mebibyte}\n`;

// On a node of its own: an alarm and the broker's limits would be everybody's.
const broker = privateBroker(() => ({ config }));
let vhost: Vhost;
beforeEach(async () => {
  vhost = await broker().vhost();
  return async () => {
    await endAlarm(); // also where a test has failed while it lasted
    await vhost.close();
  };
});

const orders = defineQueue<number>('orders');
const blocked = (rabbit: Rabbit): unknown => rabbit.health().links.publish.blocked;

describe('a memory alarm', () => {
  test('stops publishing, says so, and ends what waits too long; then all goes on', async () => {
    await using opened = await openPublisher(vhost);
    await opened.publisher.publish(orders, 0, { messageId: '0' });
    expect(opened.rabbit.health()).toMatchObject({ status: 'ok', links: { publish: { blocked: false } } });
    await raiseAlarm();
    // The broker announces an alarm to who publishes: the first message is written before it is known.
    const first = opened.publisher.publish(orders, 1, { messageId: '1' });
    await eventually(() => expect(blocked(opened.rabbit)).toBe(true), 15_000);
    expect(opened.rabbit.health()).toMatchObject({ status: 'degraded', links: { consume: { blocked: false } } });

    const kept = [2, 3].map((body) => opened.publisher.publish(orders, body, { messageId: String(body) }));
    const error = await opened.publisher.publish(orders, 4, { deadlineMs: 300 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'SUREHOP_PUBLISH_NOT_SENT' });
    expect(String(error)).toContain('the broker blocks publishing');
    const elsewhere = opened.publisher.publishTo(
      { exchange: 'amq.fanout', routingKey: '' },
      Buffer.from('a'),
      {},
      { deadlineMs: 300 },
    );
    expect(await fates([elsewhere])).toEqual(['SUREHOP_PUBLISH_NOT_SENT']);
    expect(opened.publisher.health()).toMatchObject({ unconfirmed: 3, stalledMs: 0 });

    await endAlarm();
    expect(await fates([first, ...kept])).toEqual([0, 0, 0]);
    expect(opened.rabbit.health()).toMatchObject({ status: 'ok', links: { publish: { blocked: false } } });
    expect(await vhost.messageIds('orders')).toEqual(['0', '1', '2', '3']);
  });

  test('leaves a message that was written unknown at its deadline, and close() bounded', async () => {
    await using opened = await openPublisher(vhost);
    await opened.publisher.publish(orders, 0);
    await raiseAlarm();
    const first = opened.publisher.publish(orders, 1, { deadlineMs: 500 });
    expect(await fates([first])).toEqual(['SUREHOP_PUBLISH_UNKNOWN']);
    const startedAt = performance.now();
    const waiting = fates([opened.publisher.publish(orders, 2)]);
    await opened.publisher.close({ timeoutMs: 100 });
    expect(await waiting).toEqual(['SUREHOP_PUBLISH_NOT_SENT']);
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });
});

test('[maxMessageBytes] above the broker’s own limit, a message that the broker refuses ends alone', async () => {
  await using opened = await openPublisher(vhost, { publisher: { maxMessageBytes: 64 * mebibyte } });
  await declareRawQueue(vhost, 'raw', {});
  const publish = (bytes: number) =>
    opened.publisher.publishTo({ exchange: '', routingKey: 'raw' }, new Uint8Array(bytes));
  await publish(1);
  const all = [1, 2, mebibyte + 1, 3, mebibyte + 2, 4].map(publish);
  const guilty = await all[2]?.catch((thrown: unknown) => thrown);
  expect(guilty).toMatchObject({ code: 'SUREHOP_MESSAGE_TOO_LARGE', retryable: false });
  const [stored, tooLarge] = [expect.any(Number), 'SUREHOP_MESSAGE_TOO_LARGE'];
  expect(await fates(all)).toEqual([stored, stored, tooLarge, stored, tooLarge, stored]);
  expect(new Set((await vhost.get('raw')).map(({ content }) => content.length))).toEqual(new Set([1, 2, 3, 4]));
});

/** Returns when it is in force, which is a moment later: somebody who publishes is told. */
async function raiseAlarm(): Promise<void> {
  await broker().nodes[0]?.ctl(['set_vm_memory_high_watermark', '0.00000001']);
  await using scout = await openPublisher(vhost);
  const nowhere = { exchange: 'amq.fanout', routingKey: '' };
  await eventually(() => {
    void fates([scout.publisher.publishTo(nowhere, Buffer.from('a'), {}, { deadlineMs: 300 })]);
    expect(blocked(scout.rabbit)).toBe(true);
  }, 20_000);
}

async function endAlarm(): Promise<void> {
  await broker().nodes[0]?.ctl(['set_vm_memory_high_watermark', '0.6']);
}
