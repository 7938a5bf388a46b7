import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createSpoolingPublisher } from '@surehop/outbox';
import { defineQueue } from '@surehop/publisher';
import { createTestBroker, eventually } from '@surehop/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { SpoolChild } from './spool-child.ts';
import { contentsOf, folder, numbered } from './spool-file.ts';

const orders = defineQueue<string>('orders');
const never = (): Promise<never> => new Promise(() => undefined);

describe('a spool on a full disk', () => {
  test('a process that may write no longer file is told so, and has all that it accepted', async () => {
    const file = join(folder(), 'spool');
    // In blocks of 512 bytes or 1 KiB, as the shell has it: 512 kB at the least, 1 MB at the most.
    const limited = ['sh', '-c', 'ulimit -f 1000; exec "$@"', 'sh'];
    await using child = new SpoolChild({ file, together: 5, bodyBytes: 5_000, count: 300 }, limited);
    await child.ended;
    await expectClearEnd(child, file);
  });

  test('on a real disk without room, a call says so; with room again the next one is taken', {
    timeout: 60_000,
  }, async (context) => {
    const disk = smallDisk();
    if (disk === undefined) return context.skip('no right to mount a file system');
    const file = join(disk, 'spool');
    await using child = new SpoolChild({ file, together: 5, bodyBytes: 5_000, count: 800 });
    await child.ended;
    await expectClearEnd(child, file);

    await using broker = createTestBroker();
    const { log, lines } = keepingLogger();
    const connecting = Promise.withResolvers<Awaited<ReturnType<typeof broker.connect>>>();
    await using publisher = await createSpoolingPublisher(connecting.promise, { file, log });
    const body = 'x'.repeat(20_000);
    const full = publisher.publish(orders, body.repeat(20));
    await expect(full).rejects.toMatchObject({ code: 'SUREHOP_SPOOL_WRITE_FAILED', retryable: true });
    await expect(full).rejects.toThrow('is not stored');
    expect(publisher.health().writeError).toContain('full');
    expect(lines.filter(({ message }) => message === 'a spool cannot be written')).toHaveLength(1);
    const kept = publisher.health().depth;

    // The broker comes: what is in the file is sent and deleted, full disk or not, and there is room again.
    connecting.resolve(await broker.connect({ log }));
    await eventually(() => expect(publisher.health()).toMatchObject({ depth: 0, writeError: undefined }), 20_000);
    expect(new Set(idsIn(broker)).size).toBe(kept);
    expect(idsIn(broker)).toEqual(child.stored);
    await publisher.publish(orders, body);
    await eventually(() => expect(broker.counts('orders').ready).toBe(kept + 1));
  });

  test('with the broker there, a message that the disk does not take is stored by the broker', async (context) => {
    const disk = smallDisk();
    if (disk === undefined) return context.skip('no right to mount a file system');
    await using broker = createTestBroker();
    const rabbit = await broker.connect({ log: keepingLogger().log });
    await using publisher = await createSpoolingPublisher(rabbit, { file: join(disk, 'spool') });
    const receipt = await publisher.publish(orders, 'x'.repeat(4_000_000));
    expect(receipt.storedBy).toBe('broker');
    expect(broker.counts('orders').ready).toBe(1);
    expect(publisher.health()).toMatchObject({ depth: 0, unconfirmed: 0 });
  });
});

describe('the lock of a spool', () => {
  test('keeps a second process out, and is gone with the process that had it', async () => {
    const file = join(folder(), 'spool');
    await using child = new SpoolChild({ file, together: 1, bodyBytes: 10 });
    await eventually(() => expect(child.stored.length, child.stderr).toBeGreaterThan(3), 15_000);
    const second: unknown = await createSpoolingPublisher(never(), { file }).catch((thrown: unknown) => thrown);
    expect(second).toMatchObject({ code: 'SUREHOP_SPOOL_LOCKED', retryable: true });
    expect(String(second)).toContain('another process');
    const before = child.stored.length;
    await eventually(() => expect(child.stored.length).toBeGreaterThan(before)); // it was not disturbed
    await child.kill();
    await using publisher = await createSpoolingPublisher(never(), { file });
    expect(publisher.health().depth).toBeGreaterThanOrEqual(child.stored.length);
  });

  test('keeps a second spool of the same process out, until the first is closed', async () => {
    const file = join(folder(), 'spool');
    const first = await createSpoolingPublisher(never(), { file });
    const again = (): Promise<unknown> => createSpoolingPublisher(never(), { file: join(file, '..', 'spool') });
    await expect(again()).rejects.toMatchObject({ code: 'SUREHOP_SPOOL_LOCKED' });
    await first.close();
    await using _second = await createSpoolingPublisher(never(), { file });
  });
});

/** Everything that was accepted is there, what was not is not, and every call was told. */
async function expectClearEnd(child: SpoolChild, file: string): Promise<void> {
  const refused = child.said.filter(({ code }) => code !== undefined);
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['SUREHOP_SPOOL_WRITE_FAILED']));
  expect(child.stored.length).toBeGreaterThan(20);
  const { ids, damage } = contentsOf(file);
  expect(damage).toBeUndefined();
  expect(ids).toEqual(numbered(10_000).filter((id) => child.stored.includes(id)));
}

function idsIn(broker: ReturnType<typeof createTestBroker>): (string | undefined)[] {
  return broker.messages('orders').map(({ properties }) => properties.messageId);
}

/** A file system of two megabytes, gone with the test; undefined where none can be mounted. */
function smallDisk(): string | undefined {
  const path = folder();
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', path]).status !== 0) return undefined;
  onTestFinished(() => void spawnSync('umount', ['-l', path]));
  return path;
}
