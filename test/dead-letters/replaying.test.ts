import { createConsumer, DeadLetter, defineQueue, isSurehopError } from '@surehop/consumer';
import type { Progress } from '@surehop/dead-letters';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { stage } from '../consuming/stage.ts';
import { ids, keepingAudit, putLetters, queuesFor } from './letters.ts';
import { deadLettersIn } from './queues.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const dead = 'orders.dead-letter';

describe('a replay', () => {
  test('sends each to where it failed, as it was first published, in order', async () => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, ['orders', 'bills', dead]);
    const options = (number: number) => ({
      contentType: 'application/json',
      expiration: '600000',
      correlationId: `c-${number}`,
      headers: { 'x-delivery-count': 3, CC: ['bills'], tenant: 'a', 'MT-Fault-Message': 'no', 'surehop-pass': 'old' },
    });
    await putLetters(on.vhost, dead, { count: 3, options });
    await on.vhost.get('bills'); // what CC made of them is not looked at
    await putLetters(on.vhost, dead, { count: 2, from: 4, failedIn: 'bills' });
    const audit = keepingAudit();
    const report = await deadLettersIn(on.rabbit, dead, { by: 'ann', audit }).replay('all');
    expect(report).toMatchObject({ looked: 5, matched: 5, done: 5, skippedCount: 0, more: false, stoppedBy: 'end' });
    expect(report.byTarget).toEqual({ orders: 3, bills: 2 });
    const back = await on.vhost.get('orders');
    expect(back.map(({ content }) => content.toString())).toEqual(['1', '2', '3']);
    const [first] = back;
    expect(first?.properties).toMatchObject({ message_id: 'id-1', correlation_id: 'c-1', delivery_mode: 2 });
    expect(first?.properties).not.toHaveProperty('expiration');
    const { 'surehop-replayed-at': at, 'x-delivery-count': _count, ...headers } = first?.headers ?? {};
    expect(headers).toEqual({
      tenant: 'a',
      number: 1,
      'surehop-queue': 'orders',
      'surehop-exchange': 'shop',
      'surehop-routing-key': 'order.placed',
      'surehop-replayed-by': 'ann',
      'surehop-replayed-count': 1,
    });
    expect(at).toMatch(/^\d{4}-.*Z$/);
    expect(await on.vhost.messages(dead)).toBe(0);
    expect(audit.entries.map(({ event, action, by, run }) => [event, action, by, run])).toEqual([
      ['begin', 'replay', 'ann', report.run],
      ['end', 'replay', 'ann', report.run],
    ]);
    expect(audit.entries[1]?.result).toMatchObject({ done: 5 });
  });

  test('of some leaves the others in their places', async () => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, ['orders', dead]);
    await putLetters(on.vhost, dead, { count: 9 });
    const letters = deadLettersIn(on.rabbit, dead);
    expect(await letters.replay({ ids: ['id-7', 'id-2'] })).toMatchObject({ looked: 7, matched: 2, done: 2 });
    expect(await letters.replay({ filter: 'header.number > 7' }, { limit: 1 })).toMatchObject({ done: 1, more: true });
    expect(await on.vhost.messageIds('orders')).toEqual(['id-2', 'id-7', 'id-8']);
    expect(await on.vhost.messageIds(dead)).toEqual(['id-1', ...ids(3, 6), 'id-9']);
  });

  test('skips what it cannot send, and says why: it stays', async () => {
    await using on = await stage(broker);
    const dead = 'attic';
    await queuesFor(on.vhost, ['orders', dead]);
    await putLetters(on.vhost, dead, { count: 1, options: () => ({ headers: { 'surehop-queue': undefined } }) });
    await putLetters(on.vhost, dead, { count: 1, from: 2, failedIn: 'gone' });
    await putLetters(on.vhost, dead, { count: 1, from: 3, failedIn: dead });
    await putLetters(on.vhost, dead, { count: 1, from: 4 });
    const letters = deadLettersIn(on.rabbit, dead);
    const dry = await letters.replay('all', { dryRun: true });
    expect(dry).toMatchObject({ isDryRun: true, matched: 4, done: 1, skippedCount: 3, byTarget: { orders: 1 } });
    expect(await on.vhost.messages(dead)).toBe(4);
    for (const selection of ['all', { filter: 'attempts >= 1' }] as const) {
      const { skipped, done } = await letters.replay(selection);
      expect(skipped.map(({ id }) => id).toSorted()).toEqual(['id-1', 'id-2', 'id-3']);
      const reasons = Object.fromEntries(skipped.map(({ id, why }) => [id, why]));
      expect(reasons['id-1']).toContain('name a target');
      expect(reasons['id-2']).toBe('target queue "gone" does not exist');
      expect(done).toBe(selection === 'all' ? 1 : 0);
      expect(await on.vhost.messageIds(dead)).toEqual(ids(1, 3));
    }
    await expect(letters.replay('all', { to: 'gone' })).rejects.toMatchObject({ code: 'SUREHOP_QUEUE_NOT_FOUND' });
    await expect(letters.replay('all', { to: dead })).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
    expect(await letters.replay('all', { to: 'orders' })).toMatchObject({ done: 3, byTarget: { orders: 3 } });
    expect(await on.vhost.messageIds('orders')).toEqual(['id-4', ...ids(1, 3)]);
  });

  test('edits messages on their way, under new ids, and gives one to those without', async () => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, ['orders', dead]);
    await putLetters(on.vhost, dead, { count: 4 });
    await putLetters(on.vhost, dead, { count: 1, from: 5, options: () => ({ isWithoutId: true }) });
    const report = await deadLettersIn(on.rabbit, dead).replay('all', {
      edit: ({ id }) => {
        if (id === 'id-1')
          return { content: Buffer.from('11'), headers: { fixed: true }, properties: { type: 'order' } };
        if (id === 'id-2') throw new Error('not this one');
        if (id === 'id-3') return { headers: { wrong: 1n } };
        return undefined;
      },
    });
    expect(report).toMatchObject({ done: 3, skippedCount: 2 });
    expect(report.skipped.map(({ why }) => why)).toEqual([
      'it could not be edited: not this one',
      expect.stringContaining('wrong'),
    ]);
    const [edited, asItWas, named] = await on.vhost.get('orders');
    expect(edited?.content.toString()).toBe('11');
    expect(edited?.properties).toMatchObject({ type: 'order' });
    expect(edited?.properties.message_id).not.toBe('id-1');
    expect(edited?.headers).toMatchObject({
      fixed: true,
      'surehop-replaced-id': 'id-1',
    });
    expect(asItWas?.properties.message_id).toBe('id-4');
    expect(named?.properties.message_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await on.vhost.messageIds(dead)).toEqual(['id-2', 'id-3']);
  });

  test('keeps to a rate, and can be stopped', async () => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, ['orders', dead]);
    await putLetters(on.vhost, dead, { count: 60 });
    const letters = deadLettersIn(on.rabbit, dead);
    const startedAt = performance.now();
    const told: Partial<Progress>[] = [];
    await letters.replay({ ids: ids(1, 10) }, { ratePerSecond: 25, onProgress: (one) => told.push(one) });
    expect(performance.now() - startedAt).toBeGreaterThan(300);
    // Once it knows how many there are, it says so, and comes nearer step by step.
    expect(told[0]).toMatchObject({ done: 0, total: 60 });
    expect(told[0]).not.toHaveProperty('toDo');
    expect(told).toContainEqual(expect.objectContaining({ done: 0, toDo: 10 }));
    expect(told.some(({ done = 0, toDo }) => toDo === 10 && done > 0 && done < 10)).toBe(true);
    expect(told.at(-1)).toMatchObject({ done: 10, toDo: 10 });
    const stop = new AbortController();
    const onProgress = ({ done }: { done: number }) => done >= 5 && stop.abort();
    const options = { ratePerSecond: 40, signal: stop.signal, onProgress };
    const report = await letters.replay('all', options);
    expect(report).toMatchObject({ isCancelled: true, stoppedBy: 'cancel', more: true });
    expect(report.done).toBeGreaterThanOrEqual(5);
    expect(await on.vhost.messageIds('orders')).toEqual(ids(1, 10 + report.done));
    expect(await on.vhost.messageIds(dead)).toEqual(ids(11 + report.done, 60));
  });
});

describe('a replay of what fails again', () => {
  const orders = defineQueue<number>('orders', { retry: { delaysMs: [] } });

  test('sees what came back, and sends it no second time', async () => {
    await using on = await stage(broker);
    const handler = ({ body }: { body: number }) => {
      if (body % 2 === 0) throw new DeadLetter('even');
    };
    await using _consumer = await createConsumer(on.rabbit, orders, handler);
    await putLetters(on.vhost, dead, { count: 6, options: () => ({ contentType: 'application/json' }) });
    const letters = deadLettersIn(on.rabbit, dead, { by: 'ann' });
    const report = await letters.replay('all', { watchMs: 3_000 });
    expect(report).toMatchObject({ looked: 6, done: 6, cameBackCount: 3, stoppedBy: 'end' });
    expect(report.cameBack.map(({ id }) => id).toSorted()).toEqual(['id-2', 'id-4', 'id-6']);
    expect(report.cameBack[0]?.error).toContain('even');
    const { run, startedAt } = report;
    await putLetters(on.vhost, dead, { count: 1, from: 7, options: () => ({ contentType: 'application/json' }) });
    const again = await letters.replay({ filter: 'attempts >= 1' }, { resume: { run, startedAt } });
    expect(again).toMatchObject({ run, done: 1, cameBackCount: 3 });
    const [back] = await on.vhost.get(dead, 1);
    expect(back?.headers['surehop-replayed-count']).toBe(1);
  });

  test('stops on its ramp, and leaves the rest', async () => {
    await using on = await stage(broker);
    const handler = () => {
      throw new DeadLetter('never');
    };
    await using _consumer = await createConsumer(on.rabbit, orders, handler);
    await putLetters(on.vhost, dead, { count: 60 });
    const ramp = { stepsPerSecond: [20], stepMs: 500, maxFailedShare: 0.3 };
    const report = await deadLettersIn(on.rabbit, dead).replay('all', { ramp });
    expect(report).toMatchObject({ stoppedBy: 'failed share', isCancelled: false, more: true });
    expect(report.done).toBeLessThan(20);
    expect(report.cameBackCount).toBeGreaterThan(0.3 * report.done);
    await eventually(async () => expect(await on.vhost.messages(dead)).toBe(60));
    const remaining = await on.vhost.messageIds(dead);
    expect(remaining.slice(0, 60 - report.done)).toEqual(ids(report.done + 1, 60));
  });
});

test('a wrong option is refused before anything is done', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await putLetters(on.vhost, dead, { count: 1 });
  const audit = keepingAudit();
  const letters = deadLettersIn(on.rabbit, dead, { audit });
  const wrong = [
    { ratePerSecond: 0 },
    { ramp: { stepsPerSecond: [] } },
    { ramp: { maxFailedShare: 2 } },
    { watchMs: -1 },
    { limit: 0 },
    { resume: { run: 'x', startedAt: 1 } },
    { too: 'orders' },
  ];
  for (const options of wrong) {
    const thrown = await letters.replay('all', options as object).catch((error: unknown) => error);
    expect(isSurehopError(thrown, 'SUREHOP_OPTION_INVALID'), JSON.stringify(options)).toBe(true);
  }
  await expect(letters.replay({ filter: 'nonsense' })).rejects.toMatchObject({ code: 'SUREHOP_FILTER_INVALID' });
  expect(audit.entries).toEqual([]);
  expect(await on.vhost.messages(dead)).toBe(1);
});
