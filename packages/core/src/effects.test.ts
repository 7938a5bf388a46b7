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
