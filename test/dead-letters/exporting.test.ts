import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { isSurehopError } from '@surehop/core';
import { importDeadLetters, openAuditFile } from '@surehop/dead-letters';
import { attachBroker, eventually, type StoredMessage } from '@surehop/testing';
import { afterAll, afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { stage } from '../consuming/stage.ts';
import { ids, keepingAudit, putLetters, queuesFor } from './letters.ts';
import { deadLettersIn, onChannel } from './queues.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'surehop-export-'));
});
afterEach(() => rm(folder, { recursive: true }));

const dead = 'orders.dead-letter';
const by = { by: 'ann', audit: { write: async () => undefined } };

describe('an export', () => {
  test('has every message, exactly, for an import; and people can read it', async () => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, [dead]);
    const headers = {
      bytes: Buffer.from([0, 255, 128]),
      when: { '!': 'timestamp', value: 1_700_000_000 },
      money: { '!': 'decimal', value: { places: 2, digits: 1234 } },
      list: [1, 'two', [true, null], { $deep: 1.5 }],
      $dollar: { $bytes: 'not bytes' },
    };
    await onChannel(on.vhost, async (channel) => {
      const all = { contentType: 'text/plain', contentEncoding: 'x', priority: 3, correlationId: 'c', replyTo: 'r' };
      const options = { ...all, type: 't', appId: 'a', timestamp: 1_700_000_000, persistent: true, headers };
      channel.sendToQueue(dead, Buffer.from([0xff, 0, 0xfe]), { messageId: 'id-1', ...options });
      channel.sendToQueue(dead, Buffer.from('schön'), {});
      channel.sendToQueue(dead, Buffer.alloc(0), { messageId: 'id-3' });
      channel.sendToQueue(dead, Buffer.from('{"a":1}'), { headers });
      await channel.waitForConfirms();
    });
    const before = (await on.vhost.get(dead)).map(comparable);
    const file = join(folder, 'dead.ndjson');
    const report = await deadLettersIn(on.rabbit, dead).export('all', { file });
    expect(report).toMatchObject({ looked: 4, done: 4, more: false, bytes: (await stat(file)).size });
    expect((await stat(file)).mode & 0o077).toBe(0);
    expect((await on.vhost.get(dead)).map(comparable)).toEqual(before);
    const lines = (await readFile(file, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const first = lines.find(({ id }) => id === 'id-1'); // from 4.3 on the one with a low priority comes last
    expect(first).toMatchObject({ v: 1, queue: dead });
    expect(first).not.toHaveProperty('text');
    expect(lines.map(({ text: shown }) => shown)).toContain('schön');
    await onChannel(on.vhost, (channel) => channel.purgeQueue(dead));
    expect(await importDeadLetters(on.rabbit, { file, ...by })).toMatchObject({ imported: 4, damagedCount: 0 });
    expect((await on.vhost.get(dead)).map(comparable)).toEqual(before);
  });

  test('writes over nothing, and into a stream', async () => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, [dead]);
    await putLetters(on.vhost, dead, { count: 9 });
    const file = join(folder, 'there');
    await writeFile(file, 'precious');
    const letters = deadLettersIn(on.rabbit, dead);
    await expect(letters.export('all', { file })).rejects.toMatchObject({ code: 'SUREHOP_FILE_UNUSABLE' });
    await expect(letters.export('all', { file: 7 as never })).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
    expect(await readFile(file, 'utf8')).toBe('precious');
    const stream = new PassThrough();
    const read = text(stream);
    await letters.export({ filter: 'header.number >= 7' }, { file: stream });
    stream.end();
    const lines = (await read).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(ids(7, 9));
  });
});

describe('an import', () => {
  test('reports the lines that it cannot read, with their numbers, and imports the rest', async () => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, [dead]);
    const line = (id: string, more: object = {}) =>
      JSON.stringify({ v: 1, queue: dead, properties: { messageId: id }, body: 'YQ==', ...more });
    const wrong = ['{"v":1', line('x', { v: 2 }), line('x', { body: undefined }), line('x', { body: 'a?' })];
    const more = [
      line('x', { properties: { priority: 'high' } }),
      line('x', { headers: { $what: 1 } }),
      line('x', { queue: 'gone' }),
    ];
    const file = join(folder, 'dead.ndjson');
    await writeFile(file, [line('id-1'), ...wrong, line('id-2'), ...more, line('id-3')].join('\n'));
    expect(await importDeadLetters(on.rabbit, { file, ...by, dryRun: true })).toMatchObject({
      imported: 4,
      damagedCount: 6,
    });
    const audit = keepingAudit();
    const report = await importDeadLetters(on.rabbit, { file, by: 'ann', audit });
    expect(report).toMatchObject({
      imported: 3,
      alreadyImported: 0,
      damagedCount: 7,
      rejectedFile: `${file}.rejected`,
    });
    expect(report.damaged.map(({ line: number }) => number)).toEqual([2, 3, 4, 5, 7, 8, 9]);
    expect(report.damaged.map(({ why }) => why)).toEqual([
      'it is not JSON',
      'its version (v) is not 1',
      'it has no body',
      'its body cannot be read: a string is not base64',
      'its properties cannot be read: priority is no number that fits',
      expect.stringContaining('$what'),
      'target queue "gone" does not exist',
    ]);
    expect((await readFile(`${file}.rejected`, 'utf8')).trimEnd().split('\n').toSorted()).toEqual(
      [...wrong, ...more].toSorted(),
    );
    expect(await on.vhost.messageIds(dead)).toEqual(ids(1, 3));
    expect(audit.entries.map(({ event, action }) => `${event} ${action}`)).toEqual(['begin import', 'end import']);
  });

  test('goes on where it was, is not done twice, and sees that its file has changed', async () => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, [dead, 'attic']);
    await putLetters(on.vhost, dead, { count: 1_500 });
    const file = join(folder, 'dead.ndjson');
    await deadLettersIn(on.rabbit, dead).export('all', { file });
    const stop = new AbortController();
    on.proxy.trickle(1_000_000); // so that it lasts
    const totals: (number | undefined)[] = [];
    const onProgress = ({ done, total }: { done: number; total: number | undefined }) => {
      totals.push(total);
      if (done > 500) stop.abort();
    };
    const first = await importDeadLetters(on.rabbit, { file, to: 'attic', ...by, signal: stop.signal, onProgress });
    on.proxy.heal();
    expect(first).toMatchObject({ isCancelled: true });
    // Guessed from the size of the file, whose lines have much the same length.
    expect(Math.min(...totals.map((total) => total ?? 0))).toBeGreaterThan(1_400);
    expect(Math.max(...totals.map((total) => total ?? 0))).toBeLessThan(1_600);
    await expect(importDeadLetters(on.rabbit, { file, ...by })).rejects.toMatchObject({
      code: 'SUREHOP_IMPORT_MISMATCH',
    });
    const rest = await importDeadLetters(on.rabbit, { file, to: 'attic', ...by });
    expect(rest.alreadyImported).toBeGreaterThan(500);
    expect(rest.alreadyImported).toBe(first.imported);
    expect(rest.alreadyImported + rest.imported).toBe(1_500);
    expect(await on.vhost.messageIds('attic')).toEqual(ids(1, 1_500));
    expect(await importDeadLetters(on.rabbit, { file, to: 'attic', ...by })).toMatchObject({
      imported: 0,
      alreadyImported: 1_500,
    });
    expect(await on.vhost.messages('attic')).toBe(1_500);
    await writeFile(file, (await readFile(file, 'utf8')).replace('id-7"', 'id-8"'));
    await expect(importDeadLetters(on.rabbit, { file, to: 'attic', ...by })).rejects.toMatchObject({
      code: 'SUREHOP_IMPORT_MISMATCH',
    });
    await expect(importDeadLetters(on.rabbit, { file: join(folder, 'none'), ...by })).rejects.toMatchObject({
      code: 'SUREHOP_FILE_UNUSABLE',
    });
  });
});

test('an import into a queue that is full goes on when there is room, and brings each line once', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await onChannel(on.vhost, (channel) =>
    channel.assertQueue('narrow', { arguments: { 'x-max-length': 150, 'x-overflow': 'reject-publish' } }),
  );
  await putLetters(on.vhost, dead, { count: 400 });
  const file = join(folder, 'dead.ndjson');
  await deadLettersIn(on.rabbit, dead).export('all', { file });
  const lines = (await readFile(file, 'utf8')).split('\n');
  await writeFile(file, [...lines.slice(0, 200), 'damaged', ...lines.slice(200)].join('\n'));
  const arrived: string[] = [];
  let refusals = 0;
  for (;;) {
    let isOver = false;
    // Room for some comes while the others wait: what is stored then stands behind a line that is not.
    const later = onChannel(on.vhost, async (channel) => {
      await eventually(async () => {
        if (!isOver) expect((await channel.checkQueue('narrow')).messageCount).toBeGreaterThanOrEqual(100);
      }, 10_000);
      for (let taken = 0; taken < 20; taken += 1) {
        const message = await channel.get('narrow', { noAck: true });
        if (message !== false) arrived.push(String(message.properties.messageId));
      }
    });
    const report = await importDeadLetters(on.rabbit, { file, to: 'narrow', ...by }).catch((thrown: unknown) => thrown);
    isOver = true;
    await later;
    const there = await on.vhost.messageIds('narrow');
    arrived.push(...there);
    await onChannel(on.vhost, (channel) => channel.purgeQueue('narrow'));
    if (!isSurehopError(report)) {
      expect(report).toMatchObject({ damagedCount: 0 });
      break;
    }
    expect(report.code).toBe('SUREHOP_REFUSED');
    refusals += 1;
  }
  expect(refusals).toBeGreaterThan(0);
  expect(arrived.toSorted()).toEqual(ids(1, 400).toSorted());
  expect(await readFile(`${file}.rejected`, 'utf8')).toBe('damaged\n');
}, 60_000);

test('an audit file takes a line for each entry, of several writers too', async () => {
  await using on = await stage(broker);
  await queuesFor(on.vhost, [dead]);
  await putLetters(on.vhost, dead, { count: 2 });
  const path = join(folder, 'audit');
  await using one = await openAuditFile(path);
  await using other = await openAuditFile(path);
  await deadLettersIn(on.rabbit, dead, { by: 'ann', audit: one }).discard({ ids: ['id-1'] });
  await deadLettersIn(on.rabbit, dead, { by: 'bob', audit: other }).discard('all');
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(entries.map(({ by: who, event }) => `${who} ${event}`)).toEqual([
    'ann begin',
    'ann end',
    'bob begin',
    'bob end',
  ]);
  expect((await stat(path)).mode & 0o077).toBe(0);
});

function comparable({ content, properties, headers }: StoredMessage): unknown {
  const { headers: _headers, ...others } = properties;
  const { 'x-delivery-count': _count, 'x-acquired-count': _acquired, ...kept } = headers;
  return { content: content.toString('base64'), others, kept };
}
