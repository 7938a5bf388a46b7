import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { type Stage, stage } from '../consuming/stage.ts';
import { History } from '../faults/history.ts';
import { ActingProcess, type Assignment } from './acting-process.ts';
import { ids, putLetters, queuesFor } from './letters.ts';
import { deadLettersIn, onChannel } from './queues.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const dead = 'orders.dead-letter';
const count = 400;
/** `SUREHOP_SEEDS=20` takes so many. */
const seeds = Array.from({ length: Number(process.env.SUREHOP_SEEDS ?? 1) }, (_, index) => index + 1);

/** Numbers in [0, 1) that are the same each time (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Kills one process after the other, each after so much of its work, until one comes to its end. */
async function killed(on: Stage, seed: number, given: Omit<Assignment, 'url' | 'queue'>): Promise<number> {
  const random = chance(seed);
  const startedAt = Date.now();
  let run: string | undefined;
  on.proxy.trickle(300_000); // so that it lasts
  for (let kills = 0; ; kills += 1) {
    const resume = given.all === true && run !== undefined ? { resume: { run, startedAt } } : {};
    await using child = new ActingProcess({ url: on.vhost.url(on.proxy.port), queue: dead, ...given, ...resume });
    const enough = kills < 3 ? Math.floor(random() * 120) : Number.POSITIVE_INFINITY;
    // The held form of a discard acts at one stroke: before it, the process is killed with a part of the queue in its hands.
    const isHeld = given.action === 'discard' && given.all !== true;
    const come = (): number => (isHeld ? child.looked : child.done);
    const isThere = (): boolean => child.report !== undefined || (child.run !== undefined && come() >= enough);
    await eventually(() => expect(isThere()).toBe(true), 30_000);
    if (child.report !== undefined) return kills;
    await child.kill();
    run ??= child.run;
    if (isHeld) await areBack(on);
  }
}

/** Order is kept by who finds the queue whole: what the dead process held comes back a moment after its death. */
function areBack({ vhost }: Stage): Promise<void> {
  return onChannel(vhost, (channel) =>
    eventually(async () => {
      const { messageCount } = await channel.checkQueue(dead);
      expect(messageCount).toBe(await vhost.messages(dead));
    }, 20_000),
  );
}

/** What the history says: all of them arrived, whoever died. */
function lostOf(published: readonly string[], arrived: readonly string[]): readonly string[] {
  const history = new History();
  for (const id of published) {
    history.add({ kind: 'published', id, at: 0, dueAt: 1 });
    history.add({ kind: 'resolved', id, at: 0 });
  }
  for (const id of arrived) history.add({ kind: 'handled', id, at: 1 });
  const { lost } = history.report([]);
  return lost;
}

const forms = [
  { action: 'replay', selection: 'all' },
  { action: 'replay', selection: { filter: 'attempts >= 1' } },
  { action: 'replay', selection: { filter: 'attempts >= 1' }, all: true },
  { action: 'move', selection: 'all', to: 'orders' },
] as const;

test.each(seeds.flatMap((seed) => forms.map((form) => ({ seed, ...form }))))(
  '$action of $selection in a process that is killed loses nothing (seed $seed, all: $all)',
  async ({ seed, ...form }) => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, ['orders', dead]);
    await putLetters(on.vhost, dead, { count });
    expect(await killed(on, seed, form)).toBeGreaterThan(0);
    const arrived = await on.vhost.messageIds('orders');
    expect(lostOf(ids(1, count), arrived)).toEqual([]);
    // Of each death at the most what was on its way then is there twice, under the same id.
    expect(new Set(arrived)).toEqual(new Set(ids(1, count)));
    expect(await deadLettersIn(on.rabbit, dead).count()).toBe(0);
  },
  120_000,
);

test.each(seeds)(
  'an edit in a process that is killed gives each message one new id (seed %s)',
  async (seed) => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, ['orders', dead]);
    await putLetters(on.vhost, dead, { count });
    expect(await killed(on, seed, { action: 'replay', selection: 'all', edits: true })).toBeGreaterThan(0);
    const arrived = await on.vhost.get('orders');
    const names = arrived.map(({ properties, headers, content }) => ({
      id: String(properties.message_id),
      was: String(headers['surehop-replaced-id']),
      body: content.toString(),
    }));
    expect(
      lostOf(
        ids(1, count),
        names.map(({ was }) => was),
      ),
    ).toEqual([]);
    expect(names.filter(({ was, body }) => body !== `edited ${was}`)).toEqual([]);
    expect(new Set(names.map(({ id }) => id)).size).toBe(count);
    expect(new Set(names.map(({ id, was }) => `${id} ${was}`)).size).toBe(count);
  },
  120_000,
);

test.each(seeds)(
  'a discard in a process that is killed takes nothing else (seed %s)',
  async (seed) => {
    for (const all of [false, true]) {
      await using on = await stage(broker);
      await queuesFor(on.vhost, [dead]);
      await putLetters(on.vhost, dead, { count, options: (number) => ({ headers: { keep: number % 3 === 0 } }) });
      const form = { action: 'discard', selection: { filter: 'header.keep = false' }, all } as const;
      expect(await killed(on, seed, form)).toBeGreaterThan(0);
      const kept = ids(1, count).filter((_, index) => index % 3 === 2);
      const remaining = await on.vhost.messageIds(dead);
      expect(lostOf(kept, remaining)).toEqual([]);
      expect(new Set(remaining)).toEqual(new Set(kept));
      if (!all) expect(remaining).toEqual(kept);
    }
  },
  120_000,
);

test.each(seeds)(
  'an export by pass in a process that is killed has every message in its file (seed %s)',
  async (seed) => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, [dead]);
    await putLetters(on.vhost, dead, { count });
    const folder = await mkdtemp(join(tmpdir(), 'surehop-killed-'));
    try {
      const file = join(folder, 'dead.ndjson');
      expect(await killed(on, seed, { action: 'export', selection: 'all', file, all: true })).toBeGreaterThan(0);
      const lines = (await readFile(file, 'utf8')).trim().split('\n');
      const exported = lines.flatMap((line) => line.match(/"id":"(id-\d+)"/)?.[1] ?? []);
      expect(lostOf(ids(1, count), exported)).toEqual([]);
      expect(new Set(await on.vhost.messageIds(dead))).toEqual(new Set(ids(1, count)));
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  120_000,
);

test.each(seeds)(
  'an import in a process that is killed goes on where it was (seed %s)',
  async (seed) => {
    await using on = await stage(broker);
    await queuesFor(on.vhost, [dead, 'orders']);
    await putLetters(on.vhost, dead, { count: 2 * count });
    const folder = await mkdtemp(join(tmpdir(), 'surehop-killed-'));
    try {
      const file = join(folder, 'dead.ndjson');
      await deadLettersIn(on.rabbit, dead).export('all', { file });
      expect(await killed(on, seed, { action: 'import', file, to: 'orders' })).toBeGreaterThan(0);
      const arrived = await on.vhost.messageIds('orders');
      expect(lostOf(ids(1, 2 * count), arrived)).toEqual([]);
      expect(new Set(arrived)).toEqual(new Set(ids(1, 2 * count)));
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  120_000,
);
