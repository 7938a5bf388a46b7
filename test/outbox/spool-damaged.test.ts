import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createSpoolingPublisher, type Damage } from '@surehop/outbox';
import { defineQueue } from '@surehop/publisher';
import { createTestBroker, eventually } from '@surehop/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { contentsOf, copySpool, folder, numbered } from './spool-file.ts';

const orders = defineQueue<string>('orders');
const never = (): Promise<never> => new Promise(() => undefined);
const count = 120;
const page = 4_096;

/** The bytes of a spool with messages m-1 to m-120, closed. */
let whole: Buffer;
beforeAll(async () => {
  const path = mkdtempSync(join(tmpdir(), 'surehop-spool-'));
  await write(join(path, 'spool'), count);
  whole = readFileSync(join(path, 'spool'));
  rmSync(path, { recursive: true });
});

describe('a damaged spool', () => {
  test('keeps all but what was on the damaged page, whichever that is, and says what is lost', {
    timeout: 60_000,
  }, () => {
    const pages = whole.length / page;
    let losses = 0;
    for (let number = 0; number < pages; number += 1) {
      const file = fresh();
      const bytes = Buffer.from(whole);
      bytes.fill(0xa5, number * page, (number + 1) * page);
      writeFileSync(file, bytes);
      const { ids, damage } = contentsOf(file);
      if (ids.length < count) losses += 1;
      expect(ids, `page ${number}`).toEqual(numbered(count).filter((id) => ids.includes(id)));
      if (damage === undefined) expect(ids).toHaveLength(count);
      else expectReported(file, damage, bytes, ids);
    }
    expect(losses).toBeGreaterThan(pages / 4);
  });

  test.each([
    ['cut in half', (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2 / page) * page + 100), count / 4],
    ['without its first page', (bytes: Buffer) => Buffer.concat([Buffer.alloc(page), bytes.subarray(page)]), count],
    ['of zeros', (bytes: Buffer) => Buffer.alloc(bytes.length), 0],
    ['of noise', (bytes: Buffer) => Buffer.from(bytes.map((byte, index) => byte ^ (index * 31))), 0],
  ])('%s opens with what can be read, and the file is set aside', (_what, harm, atLeast) => {
    const file = fresh();
    const harmed = harm(whole);
    writeFileSync(file, harmed);
    const { ids, damage } = contentsOf(file);
    expect(ids.length).toBeGreaterThanOrEqual(atLeast);
    expectReported(file, damage, harmed, ids);
    expect(contentsOf(file)).toMatchObject({ ids, damage: undefined });
  });

  test('whose log has a flipped bit before its end loses no commit behind it', { timeout: 60_000 }, async () => {
    const { file, accepted } = await withLog();
    const log = readFileSync(`${file}-wal`);
    const frame = 24 + page;
    const frames = Math.floor((log.length - 32) / frame);
    expect(frames).toBeGreaterThan(20);
    // One in the header of the log, then in header and page of every eleventh frame; the last commit may be a torn one.
    const places = [17, ...Array.from({ length: Math.floor(frames / 11) - 1 }, (_, index) => 32 + index * 11 * frame)];
    for (const place of places) {
      for (const offset of place === 17 ? [0] : [1, 9, 18, 2_100]) {
        const copy = copySpool(file, fresh());
        const harmed = Buffer.from(log);
        harmed[place + offset] = (harmed[place + offset] ?? 0) ^ 0x10;
        writeFileSync(`${copy}-wal`, harmed);
        const { ids, damage } = contentsOf(copy);
        expect(damage, `byte ${place + offset}`).toBeDefined();
        // Where a message itself was hit, that one is gone, or laid aside.
        expect(accepted.filter((id) => !ids.includes(id)).length, `byte ${place + offset}`).toBeLessThanOrEqual(2);
        expect(readFileSync(`${damage?.setAside}-wal`).equals(harmed)).toBe(true);
      }
    }
  });

  test('that is empty but for its log has everything that is in the log', async () => {
    const { file, accepted } = await withLog();
    truncateSync(file, 0);
    const { ids, damage } = contentsOf(file);
    expect(ids).toEqual(accepted);
    expect(damage).toMatchObject({ kept: accepted.length });
  });

  test('does not send a message whose bytes have changed: it is set aside', async () => {
    const file = fresh();
    await write(file, 3);
    const bytes = readFileSync(file);
    const at = bytes.indexOf('m-2 xxx');
    bytes[at + 5] = 'y'.charCodeAt(0);
    writeFileSync(file, bytes);
    await using broker = createTestBroker();
    const { log, lines } = keepingLogger();
    await using publisher = await createSpoolingPublisher(await broker.connect({ log }), { file });
    await eventually(() => expect(broker.counts('orders').ready).toBe(2));
    await eventually(() => expect(publisher.health()).toMatchObject({ depth: 0, setAside: 1 }));
    expect(broker.messages('orders').map(({ properties }) => properties.messageId)).toEqual(['m-1', 'm-3']);
    const [aside] = await publisher.listSetAside();
    expect(aside).toMatchObject({ messageId: 'm-2', reason: 'damaged', error: { code: 'SUREHOP_SPOOL_DAMAGED' } });
    expect(lines.some(({ message }) => message === 'a spooled message is damaged and was set aside')).toBe(true);
  });

  test('is told in the log and in health(), and goes on', async () => {
    const file = fresh();
    const bytes = Buffer.from(whole);
    const number = Math.floor(bytes.indexOf('m-100 xxx') / page);
    bytes.fill(0, number * page, (number + 1) * page);
    writeFileSync(file, bytes);
    const { log, lines } = keepingLogger();
    await using publisher = await createSpoolingPublisher(never(), { file, log });
    const [damage] = publisher.health().damage;
    const { depth } = publisher.health();
    expect(damage).toMatchObject({ kept: depth, lostCount: count - depth });
    expect(damage?.lost).toContain('m-100');
    expect(lines.filter(({ message }) => message.startsWith('a spool was damaged'))).toHaveLength(1);
    await publisher.publish(orders, 'one more');
    expect(publisher.health().depth).toBe((damage?.kept ?? 0) + 1);
  });
});

describe('a file that is no spool', () => {
  test('is refused, and not touched', async () => {
    const [text, database, newer] = [fresh(), fresh(), fresh()];
    for (const file of [text, database]) expect(existsSync(`${file}.lock`)).toBe(false);
    writeFileSync(text, 'a letter\n');
    const other = new DatabaseSync(database);
    other.exec('CREATE TABLE accounts (id INTEGER)');
    other.close();
    await write(newer, 1);
    const changed = new DatabaseSync(newer);
    changed.exec('PRAGMA user_version = 99');
    changed.close();
    for (const [file, why] of [
      [text, 'no spool'],
      [database, 'something else'],
      [newer, 'format 99'],
      [join(dirname(text), 'missing', 'spool'), 'there is no folder'],
      [dirname(text), 'no file'],
    ] as const) {
      const before = existsSync(file) && file !== dirname(text) ? readFileSync(file) : undefined;
      const error: unknown = await createSpoolingPublisher(never(), { file }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'SUREHOP_SPOOL_UNUSABLE', retryable: false });
      expect(String(error)).toContain(why);
      if (before !== undefined) expect(readFileSync(file).equals(before)).toBe(true);
      expect(existsSync(`${file}.lock`)).toBe(file === newer);
    }
  });
});

/** A name that nobody has used. */
function fresh(): string {
  return join(folder(), 'spool');
}

async function write(file: string, messages: number): Promise<void> {
  await using publisher = await createSpoolingPublisher(never(), { file });
  const body = 'x'.repeat(900);
  await Promise.all(
    numbered(messages).map((messageId) => publisher.publish(orders, `${messageId} ${body}`, { messageId })),
  );
}

/** A spool that was not closed: copied while it was open, its commits are in the log. */
async function withLog(): Promise<{ file: string; accepted: string[] }> {
  const [open, file] = [fresh(), fresh()];
  const accepted = numbered(60);
  await using publisher = await createSpoolingPublisher(never(), { file: open });
  for (const messageId of accepted) await publisher.publish(orders, messageId, { messageId });
  // By another process: closing a file that SQLite has open in ours would end its lock.
  for (const suffix of ['', '-wal']) spawnSync('cp', [open + suffix, file + suffix]);
  return { file, accepted };
}

/** The file as it was found is there, and what is lost is named as far as it can be. */
function expectReported(file: string, damage: Damage | undefined, harmed: Buffer, ids: readonly string[]): void {
  expect(damage).toMatchObject({ kept: ids.length });
  expect(readdirSync(dirname(file))).toContain(basename(damage?.setAside ?? ''));
  expect(readFileSync(damage?.setAside ?? '').equals(harmed)).toBe(true);
  const gone = numbered(count).filter((id) => !ids.includes(id));
  if (damage?.lostCount === undefined) expect(gone).toEqual(expect.arrayContaining([...(damage?.lost ?? [])]));
  else expect([...damage.lost].sort()).toEqual(gone.sort());
}
