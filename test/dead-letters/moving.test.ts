import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { stage } from '../consuming/stage.ts';
import { ids, putLetters, queuesFor } from './letters.ts';
import { deadLettersIn, onChannel } from './queues.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const dead = 'orders.dead-letter';

test('a move takes some into another queue as they are, in order, and the others stay', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead, 'attic']);
  await putLetters(on.vhost, dead, {
    count: 50,
    options: () => ({ priority: 2, headers: { tenant: 'a', CC: [dead] } }),
  });
  await onChannel(on.vhost, (channel) => channel.purgeQueue(dead));
  await putLetters(on.vhost, dead, { count: 50, options: () => ({ priority: 2, headers: { tenant: 'a' } }) });
  const letters = deadLettersIn(on.rabbit, dead);
  expect(await letters.move({ ids: ['id-3', 'id-30'] }, 'attic')).toMatchObject({ matched: 2, done: 2 });
  const moved = await on.vhost.get('attic');
  expect(moved.map(({ properties }) => properties.message_id)).toEqual(['id-3', 'id-30']);
  expect(moved[0]?.properties).toMatchObject({ priority: 2, delivery_mode: 2 });
  expect(moved[0]?.headers).toMatchObject({
    tenant: 'a',
    'surehop-reason': 'failed',
    'surehop-error-name': 'TimeoutError',
  });
  expect(await on.vhost.messageIds(dead)).toEqual(ids(1, 50).filter((id) => id !== 'id-3' && id !== 'id-30'));
  expect(await letters.move('all', 'attic')).toMatchObject({ done: 48, more: false });
  expect(await deadLettersIn(on.rabbit, 'attic').replay('all', { to: dead })).toMatchObject({ done: 50 });
});

test("keeps what the broker's headers said of a death in ours", async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead, 'attic']);
  await onChannel(on.vhost, async (channel) => {
    const args = { 'x-queue-type': 'quorum', 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead };
    await channel.assertQueue('orders', { arguments: args });
    channel.sendToQueue('orders', Buffer.from('1'), { messageId: 'id-1', expiration: '1' });
    channel.sendToQueue('orders', Buffer.from('2'), { messageId: 'id-2', expiration: '1' });
    await channel.waitForConfirms();
  });
  const letters = deadLettersIn(on.rabbit, dead);
  await eventually(async () => expect(await letters.count()).toBe(2));
  const [before] = (await letters.browse()).messages;
  expect(await letters.move('all', 'attic')).toMatchObject({ done: 2 });
  const [after] = (await deadLettersIn(on.rabbit, 'attic').browse()).messages;
  const { reason, queue, exchange, routingKey } = before?.failure ?? {};
  expect(reason).toBe('expired');
  expect(after?.failure).toMatchObject({ reason, queue, exchange, routingKey });
  expect(Object.keys(after?.headers ?? {}).filter((name) => /^x-.*death/.test(name))).toEqual([]);
});

test('needs another queue, that is there', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await putLetters(on.vhost, dead, { count: 1 });
  const letters = deadLettersIn(on.rabbit, dead);
  await expect(letters.move('all', dead)).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
  await expect(letters.move('all', 'gone')).rejects.toMatchObject({ code: 'SUREHOP_QUEUE_NOT_FOUND' });
  const resume = { run: '019aaaaa-0000-7000-8000-000000000000', startedAt: 1 };
  await expect(letters.move('all', 'attic', { resume })).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
  expect(await on.vhost.messages(dead)).toBe(1);
});

test('a queue that is full keeps nothing from the next one, and what it refused stays', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await onChannel(on.vhost, (channel) =>
    channel.assertQueue('narrow', { arguments: { 'x-max-length': 3, 'x-overflow': 'reject-publish' } }),
  );
  await putLetters(on.vhost, dead, { count: 10 });
  const report = await deadLettersIn(on.rabbit, dead).move('all', 'narrow');
  expect(report.done).toBeGreaterThanOrEqual(3);
  expect(report.skippedCount).toBe(10 - report.done);
  expect(report.skipped[0]?.why).toContain('full');
  expect(await on.vhost.messages(dead)).toBe(10 - report.done);
}, 60_000);
