import { expect, test } from 'vitest';
import { eventually } from './eventually.ts';

test('eventually() resolves to what the check returns once it does not throw', async () => {
  let calls = 0;
  const value = await eventually(() => {
    calls += 1;
    if (calls < 3) throw new Error('not yet');
    return calls;
  });
  expect(value).toBe(3);
});

test('[timeoutMs] eventually() throws the last error after it', async () => {
  const never = eventually(() => Promise.reject(new Error('never')), 50);
  await expect(never).rejects.toThrow('never');
});
