import { validate, version } from 'uuid';
import { describe, expect, test } from 'vitest';
import { limited, settled, sleep, systemEffects } from './effects.ts';

const { clock } = systemEffects;

describe('a limited signal', () => {
  test('aborts after its time, also when nobody but a listener knows it', async () => {
    const { signal } = limited(clock, 20, new AbortController().signal);
    await expect(settled(new Promise(() => undefined), signal)).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  test('aborts with the other one, and leaves no listener and no timer behind', async () => {
    const other = new AbortController();
    const { signal, clear } = limited(clock, 60_000, other.signal);
    other.abort(new Error('closing'));
    expect(signal.reason).toEqual(new Error('closing'));
    clear();
    const cleared = limited(clock, 20, new AbortController().signal);
    cleared.clear();
    await sleep(clock, 50);
    expect(cleared.signal.aborted).toBe(false);
  });
});

test('ids are UUIDs of version 7 of this moment, all different, and growing', () => {
  const before = Date.now();
  const ids = Array.from({ length: 10_000 }, () => systemEffects.newId());
  const after = Date.now();
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
  const times = ids.map((id) => Number.parseInt(id.replace('-', '').slice(0, 12), 16));
  expect(times.every((time) => time >= before && time <= after)).toBe(true);
});
