import { spawnSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@surehop/testing';
import { describe, expect, test } from 'vitest';
import { SpoolChild } from './spool-child.ts';
import { contentsOf, copySpool, folder, numbered } from './spool-file.ts';

/** What a process does to its files. It is killed at the start of each of them in turn, by the kernel, through ptrace. */
const steps = 'pwrite64,pwritev,write,fdatasync,fsync,ftruncate,unlink,openat';
const hasStrace = spawnSync('strace', ['-e', 'trace=none', 'true']).status === 0;
/** `SPOOL_LONG=1` takes every step, else one in so many. */
const stride = process.env.SPOOL_LONG === '1' ? 1 : 23;

describe('a spool whose process is killed', () => {
  test.runIf(hasStrace)(
    'at any step of its writing has everything that it accepted, in order',
    { timeout: 600_000 },
    async () => {
      const file = join(folder(), 'spool');
      const assignment = { file, together: 3, bodyBytes: 3_000, count: 30 };
      let accepted = 0;
      let kills = 0;
      for (let step = 1; ; step += stride) {
        // Only what concerns the spool's files counts, and each run goes on where the killed one was.
        const paths = ['', '-wal', '.lock'].flatMap((suffix) => ['-P', file + suffix]);
        const inject = `inject=${steps}:signal=SIGKILL:when=${step}`;
        const from = accepted + 1;
        await using child = new SpoolChild({ ...assignment, prefix: `k${step}`, from }, [
          ...['strace', '-f', '-qq', '-o', '/dev/null', ...paths],
          ...['-e', `trace=${steps}`, '-e', inject],
        ]);
        await child.ended;
        const wasKilled = child.said.length < assignment.count;
        const { ids, damage } = contentsOf(file);
        expect(damage).toBeUndefined();
        const ours = ids.filter((id) => id.startsWith(`k${step}-`));
        const all = Array.from({ length: assignment.count }, (_, index) => `k${step}-${from + index}`);
        expect(ours, `killed at step ${step}`).toEqual(all.slice(0, ours.length));
        expect(ours.length, `killed at step ${step}`).toBeGreaterThanOrEqual(child.stored.length);
        accepted += ours.length;
        expect(ids).toHaveLength(accepted);
        if (!wasKilled) break;
        kills += 1;
      }
      expect(kills).toBeGreaterThan(4);
    },
  );

  test('at any moment has everything that it accepted, in order', { timeout: 60_000 }, async () => {
    const file = join(folder(), 'spool');
    const accepted: string[] = [];
    for (let life = 1; life <= 3; life += 1) {
      await using child = new SpoolChild({ file, prefix: `life${life}`, together: life * 7, bodyBytes: 200 });
      await eventually(() => expect(child.stored.length, child.stderr).toBeGreaterThan(life * 60), 15_000);
      await child.kill();
      const { ids, bodies, damage } = contentsOf(file);
      expect(damage).toBeUndefined();
      const isThere = new Set(ids);
      accepted.push(...child.stored);
      expect(accepted.filter((id) => !isThere.has(id))).toEqual([]);
      expect(isThere.size).toBe(ids.length);
      const ours = ids.filter((id) => id.startsWith(`life${life}-`));
      expect(ours).toEqual(numbered(ours.length, `life${life}`));
      expect(bodies.every((body, index) => body.startsWith(`${ids[index]} xxx`))).toBe(true);
    }
  });
});

test.runIf(hasStrace)(
  'a slow disk is waited for by the calls, each of them, and not by the event loop',
  { timeout: 60_000 },
  async () => {
    const file = join(folder(), 'spool');
    contentsOf(file); // made before, at the disk's own pace
    const syncMs = 500;
    const inject = `inject=fsync,fdatasync:delay_enter=${syncMs * 1_000}`;
    const slowly = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', inject];
    const groups = 8;
    await using child = new SpoolChild({ file, together: 50, bodyBytes: 100, count: groups * 50 }, slowly);
    await eventually(() => expect(child.stored.length, child.stderr).toBeGreaterThan(0), 15_000);
    const firstAt = performance.now();
    await child.ended;
    expect(child.stored).toHaveLength(groups * 50);
    expect(performance.now() - firstAt).toBeGreaterThan((groups - 1) * syncMs - 50);
    expect(child.said.at(-1)?.heldUpMs).toBeLessThan(syncMs / 2);
  },
);

describe('a spool on a machine that stops', () => {
  test('in the middle of a write has every commit before it, wherever the write was torn', {
    timeout: 60_000,
  }, async () => {
    const [file, copy] = [join(folder(), 'spool'), join(folder(), 'copy')];
    await using child = new SpoolChild({ file, together: 2, bodyBytes: 1_500 });
    await eventually(() => expect(child.stored.length, child.stderr).toBeGreaterThan(14), 15_000);
    await child.kill();
    const log = readFileSync(`${file}-wal`);
    const frame = 24 + 4_096;
    const inFrame = [0, 2_000, frame - 1];
    let fewest = Number.POSITIVE_INFINITY;
    let before = 0;
    for (let at = 32; at <= log.length; at += frame) {
      for (const offset of inFrame) {
        copySpool(file, copy);
        truncateSync(`${copy}-wal`, Math.min(log.length, at + offset));
        before = expectPrefix(copy, before, child.stored);
        fewest = Math.min(fewest, before);
      }
      // The file was made longer before the bytes were there.
      copySpool(file, copy);
      writeFileSync(`${copy}-wal`, Buffer.concat([log.subarray(0, at + 100), Buffer.alloc(frame)]));
      expectPrefix(copy, 0, child.stored);
    }
    expect(fewest).toBe(0);
    copySpool(file, copy);
    expect(contentsOf(copy).ids.slice(0, child.stored.length)).toEqual(child.stored);
  });
});

/** Opens it; it must have the first messages, no fewer than one that was torn earlier, and must not call it damage. */
function expectPrefix(file: string, atLeast: number, stored: readonly string[]): number {
  const { ids, damage } = contentsOf(file);
  expect(damage).toBeUndefined();
  expect(ids).toEqual(numbered(ids.length));
  expect(ids.length).toBeGreaterThanOrEqual(atLeast);
  expect(stored.length).toBeGreaterThan(0);
  return ids.length;
}
