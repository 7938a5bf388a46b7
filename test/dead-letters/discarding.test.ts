import { PassThrough } from 'node:stream';
import { attachBroker } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { stage } from '../consuming/stage.ts';
import { ids, keepingAudit, putLetters, queuesFor } from './letters.ts';
import { deadLettersIn, onChannel } from './queues.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const dead = 'orders.dead-letter';

test('a discard takes away what was selected, and nothing else moves', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await putLetters(on.vhost, dead, { count: 100 });
  const audit = keepingAudit();
  const letters = deadLettersIn(on.rabbit, dead, { by: 'ann', audit });
  const selection = { filter: 'header.number > 10 and header.number <= 40' };
  expect(await letters.discard(selection, { dryRun: true })).toMatchObject({ matched: 30, done: 30, isDryRun: true });
  expect(audit.entries).toEqual([]);
  expect(await on.vhost.messages(dead)).toBe(100);
  const progress: unknown[] = [];
  const report = await letters.discard(selection, { limit: 20, onProgress: (one) => progress.push(one) });
  expect(report).toMatchObject({ looked: 30, matched: 20, done: 20, more: true, isCancelled: false });
  expect(progress.at(-1)).toMatchObject({ looked: 30, matched: 20, done: 20, total: 100 });
  expect(await on.vhost.messageIds(dead)).toEqual([...ids(1, 10), ...ids(31, 100)]);
  expect(audit.entries.map(({ event, action, selection: of }) => ({ event, action, of }))).toEqual([
    { event: 'begin', action: 'discard', of: selection },
    { event: 'end', action: 'discard', of: selection },
  ]);
});

test('of all takes what was there when it began, in any number, and stops when it is told to', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await putLetters(on.vhost, dead, { count: 1_500 });
  const stop = new AbortController();
  const letters = deadLettersIn(on.rabbit, dead);
  on.proxy.trickle(1_000_000); // so that it lasts
  const onProgress = ({ done }: { done: number }) => done > 0 && stop.abort();
  const first = await letters.discard('all', { signal: stop.signal, onProgress });
  on.proxy.heal();
  expect(first).toMatchObject({ isCancelled: true, more: true });
  expect(await on.vhost.messageIds(dead)).toEqual(ids(first.done + 1, 1_500));
  const second = await letters.discard('all', { limit: 100 });
  expect(second).toMatchObject({ done: 100, more: true });
  let isOver = false;
  let came: Promise<boolean> | undefined;
  const onTold = () => {
    came ??= putLetters(on.vhost, dead, { count: 5, from: 1_501 }).then(() => !isOver);
  };
  on.proxy.trickle(300_000);
  const last = await letters.discard('all', { onProgress: onTold });
  isOver = true;
  on.proxy.heal();
  expect(await came).toBe(true); // while it ran
  expect(last).toMatchObject({ done: 1_400 - first.done, more: false });
  expect(await on.vhost.messageIds(dead)).toEqual(ids(1_501, 1_505));
});

test.each([
  ['streaming', 'all', false],
  ['held', { filter: 'attempts >= 1' }, false],
  ['a pass', { filter: 'attempts >= 1' }, true],
] as const)('%s: looks at no more than it is to, so that what came later stays', async (_form, selection, all) => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await putLetters(on.vhost, dead, { count: 30 });
  const report = await deadLettersIn(on.rabbit, dead).discard(selection, { all, lookAtMost: 20 });
  expect(report).toMatchObject({ looked: 20, matched: 20, done: 20, more: false });
  expect(await on.vhost.messageIds(dead)).toEqual(ids(21, 30));
});

test('of a selection holds no more than so many bytes, and says that there are more', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await onChannel(on.vhost, async (channel) => {
    for (let number = 1; number <= 80; number += 1) {
      channel.sendToQueue(dead, Buffer.alloc(1024 * 1024, 'x'), { messageId: `id-${number}` });
      await channel.waitForConfirms();
    }
  });
  const letters = deadLettersIn(on.rabbit, dead);
  const selection = { filter: 'size > 0' };
  expect(await letters.discard(selection, { dryRun: true })).toMatchObject({ looked: 80, done: 80, more: false });
  const file = new PassThrough();
  file.resume();
  expect(await letters.export(selection, { file })).toMatchObject({ looked: 80, done: 80, more: false });
  expect(await letters.discard(selection)).toMatchObject({ looked: 64, matched: 64, done: 64, more: true });
  expect(await on.vhost.messageIds(dead)).toEqual(ids(65, 80));
}, 60_000);

test('nothing is done that cannot be written down', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await putLetters(on.vhost, dead, { count: 5 });
  const audit = { write: () => Promise.reject(new Error('disk full')) };
  const letters = deadLettersIn(on.rabbit, dead, { audit });
  await expect(letters.discard('all')).rejects.toMatchObject({
    code: 'SUREHOP_AUDIT_FAILED',
    message: expect.stringContaining('nothing was changed'),
  });
  expect(await on.vhost.messages(dead)).toBe(5);
  await expect(deadLettersIn(on.rabbit, 'gone').discard('all')).rejects.toMatchObject({
    code: 'SUREHOP_QUEUE_NOT_FOUND',
  });
});

test('what fails in the middle is written down as failed', async () => {
  await using on = await stage(broker);
  const audit = keepingAudit();
  await expect(deadLettersIn(on.rabbit, 'gone', { audit }).discard('all')).rejects.toThrow();
  expect(audit.entries.map(({ event, result }) => ({ event, result }))).toEqual([
    { event: 'begin', result: undefined },
    { event: 'end', result: { error: expect.objectContaining({ code: 'SUREHOP_QUEUE_NOT_FOUND' }) } },
  ]);
});
