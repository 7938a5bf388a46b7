import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { openDeadLetters } from '@surehop/dead-letters';
import { attachBroker } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { stage } from '../consuming/stage.ts';
import { failureOf, ids, keepingAudit, putLetters, queuesFor } from './letters.ts';
import { deadLettersIn } from './queues.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const dead = 'orders.dead-letter';
const even = { filter: 'header.parity = 0' };
const withParity = (number: number) => ({ headers: { parity: number % 2, CC: ['nowhere'], 'x-death': undefined } });

test('a pass acts on what it is about, and keeps the others in order, as they were', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, ['orders', dead]);
  await putLetters(on.vhost, dead, { count: 700, options: withParity });
  await putLetters(on.vhost, dead, {
    count: 1,
    from: 701,
    options: () => ({ isWithoutId: true, headers: { parity: 1 } }),
  });
  const letters = deadLettersIn(on.rabbit, dead);
  const report = await letters.replay(even, { all: true });
  expect(report).toMatchObject({
    looked: 701,
    matched: 350,
    done: 350,
    skippedCount: 0,
    more: false,
    stoppedBy: 'end',
  });
  const odd = ids(1, 700).filter((_, index) => index % 2 === 0);
  expect(await on.vhost.messageIds('orders')).toEqual(ids(1, 700).filter((_, index) => index % 2 === 1));
  const [after] = (await letters.browse()).messages;
  const { 'x-delivery-count': _count, 'x-acquired-count': _acquired, ...headers } = after?.headers ?? {};
  expect(headers).toEqual({ ...failureOf('orders', { number: 1, parity: 1 }), 'surehop-pass': report.run });
  // The mark of another pass is none of its own.
  expect(await letters.discard({ ids: ['id-1', 'id-699'] }, { all: true })).toMatchObject({ looked: 351, done: 2 });
  expect(await on.vhost.messageIds(dead)).toEqual([...odd.slice(1, -1), '']);
});

test('what a pass skips stays too', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, ['orders', dead]);
  await putLetters(on.vhost, dead, { count: 20, failedIn: 'gone' });
  await putLetters(on.vhost, dead, { count: 20, from: 21 });
  const report = await deadLettersIn(on.rabbit, dead).replay('all', { all: true });
  expect(report).toMatchObject({ looked: 40, matched: 40, done: 20, skippedCount: 20, more: false });
  expect(await on.vhost.messageIds(dead)).toEqual(ids(1, 20));
});

test('a pass that was stopped goes on where it was', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await putLetters(on.vhost, dead, { count: 1_500, options: withParity });
  const letters = deadLettersIn(on.rabbit, dead);
  const stop = new AbortController();
  on.proxy.trickle(1_000_000); // so that it lasts
  const onProgress = ({ done }: { done: number }) => done > 0 && stop.abort();
  const first = await letters.discard(even, { all: true, signal: stop.signal, onProgress });
  on.proxy.heal();
  expect(first).toMatchObject({ isCancelled: true, more: true });
  expect(first.looked).toBeLessThan(1_500);
  const { run, startedAt } = first;
  const rest = await letters.discard(even, { all: true, resume: { run, startedAt } });
  expect(rest).toMatchObject({ run, more: false });
  expect(first.done + rest.done).toBe(750);
  expect(await on.vhost.messageIds(dead)).toEqual(ids(1, 1_500).filter((_, index) => index % 2 === 0));
});

test('a run that goes on with another counts times from the beginning of that one', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, ['orders', 'attic', dead]);
  await putLetters(on.vhost, dead, { count: 8 });
  const letters = deadLettersIn(on.rabbit, dead);
  const recent = { filter: 'failedAt > -2h' };
  // The letters failed at 03:04 of that day, long before this test runs.
  const startedAt = Date.parse('2026-01-02T04:00:00Z');
  const earlier = (digit: number) => ({
    all: true,
    limit: 2,
    resume: { run: `019aaaa${digit}-0000-7000-8000-000000000000`, startedAt },
  });
  expect(await letters.replay(recent, { all: true })).toMatchObject({ looked: 8, done: 0 });
  expect(await letters.browse({ selection: recent, ...earlier(1) })).toMatchObject({ looked: 8, more: true });
  expect(await letters.replay(recent, earlier(2))).toMatchObject({ done: 2 });
  expect(await letters.discard(recent, earlier(3))).toMatchObject({ done: 2 });
  expect(await letters.move(recent, 'attic', earlier(4))).toMatchObject({ done: 2 });
  expect(await letters.export(recent, { file: new PassThrough(), ...earlier(5) })).toMatchObject({ done: 2 });
});

test('a dry run of a pass that was stopped counts what that has not seen', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await putLetters(on.vhost, dead, { count: 20, options: withParity });
  const letters = deadLettersIn(on.rabbit, dead);
  const { run, startedAt, looked } = await letters.discard(even, { all: true, limit: 3 });
  expect(looked).toBe(6);
  const resume = { run, startedAt };
  expect(await letters.discard(even, { all: true, dryRun: true, resume })).toMatchObject({ looked: 14, done: 7 });
});

test('an export by pass has everything, and leaves everything', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await putLetters(on.vhost, dead, { count: 1_000, options: withParity });
  const folder = await mkdtemp(join(tmpdir(), 'surehop-pass-'));
  try {
    const letters = deadLettersIn(on.rabbit, dead);
    const file = join(folder, 'dead.ndjson');
    const stop = new AbortController();
    on.proxy.trickle(1_000_000); // so that it lasts
    const onProgress = ({ done }: { done: number }) => done > 0 && stop.abort();
    const first = await letters.export('all', { file, all: true, signal: stop.signal, onProgress });
    on.proxy.heal();
    const { run, startedAt } = first;
    const rest = await letters.export('all', { file, all: true, resume: { run, startedAt } });
    expect(first.done + rest.done).toBe(1_000);
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect([...new Set(lines.map((line) => JSON.parse(line).id))]).toEqual(ids(1, 1_000));
    expect(await on.vhost.messageIds(dead)).toEqual(ids(1, 1_000));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a look by pass sees every message, keeps no more than it may, and changes no order', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await putLetters(on.vhost, dead, { count: 700, options: withParity });
  const audit = keepingAudit();
  const letters = openDeadLetters(on.rabbit, dead, { by: 'ann', audit });
  const browsed = await letters.browse({ selection: even, all: true, limit: 10 });
  expect({ ...browsed, messages: browsed.messages.map(({ id }) => id) }).toEqual({
    messages: ids(1, 20).filter((_, index) => index % 2 === 1),
    looked: 700,
    more: true,
  });
  const grouped = await letters.groups({ all: true });
  expect(grouped).toMatchObject({ looked: 700, more: false, groups: [{ name: 'TimeoutError', count: 700 }] });
  expect(await on.vhost.messageIds(dead)).toEqual(ids(1, 700));
  expect(audit.entries.map(({ action, event }) => `${action} ${event}`)).toEqual([
    'browse begin',
    'browse end',
    'groups begin',
    'groups end',
  ]);
  const file = new PassThrough();
  expect(await letters.export(even, { file, all: true, limit: 20 })).toMatchObject({ done: 20, more: true });
});

test('a look by pass that was stopped is gone on with, so that the order is what it was', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await putLetters(on.vhost, dead, { count: 1_500 });
  const audit = keepingAudit();
  const letters = openDeadLetters(on.rabbit, dead, { by: 'ann', audit });
  const stop = new AbortController();
  on.proxy.trickle(1_000_000); // so that it lasts
  const onProgress = ({ looked }: { looked: number }) => looked > 0 && stop.abort(new Error('enough'));
  await expect(letters.groups({ all: true, signal: stop.signal, onProgress })).rejects.toThrow('enough');
  on.proxy.heal();
  const [begin] = audit.entries;
  const resume = { run: begin?.run ?? '', startedAt: Date.parse(begin?.at ?? '') };
  await expect(letters.groups({ resume })).rejects.toThrow('with all: true');
  const rest = await letters.groups({ all: true, resume });
  expect(rest.looked).toBeLessThan(1_500);
  expect(await on.vhost.messageIds(dead)).toEqual(ids(1, 1_500));
});

test('a pass reaches all of a queue with priorities too', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  const options = (number: number) => ({ priority: number % 7, headers: { parity: number % 2 } });
  await putLetters(on.vhost, dead, { count: 300, options });
  const letters = deadLettersIn(on.rabbit, dead);
  expect(await letters.discard(even, { all: true })).toMatchObject({ looked: 300, done: 150, more: false });
  expect(new Set(await on.vhost.messageIds(dead))).toEqual(new Set(ids(1, 300).filter((_, index) => index % 2 === 0)));
});
