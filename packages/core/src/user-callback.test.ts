import { expect, test } from 'vitest';
import { callUser } from './user-callback.ts';

/** What was told of a callback's failure, once what it left behind has settled. */
async function failures(callback: () => unknown): Promise<unknown[]> {
  const told: unknown[] = [];
  expect(() => callUser(callback, (thrown) => void told.push(thrown))).not.toThrow();
  await new Promise(setImmediate);
  return told;
}

test('what a callback throws is told', async () => {
  const throws = (): never => {
    throw new Error('a user made a mistake');
  };
  expect(await failures(throws)).toEqual([new Error('a user made a mistake')]);
});

test('so is what its promise rejects with', async () => {
  expect(await failures(() => Promise.reject(new Error('too late')))).toEqual([new Error('too late')]);
});

test('and what is only half a promise', async () => {
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
  const half = { then: (_: unknown, reject: (reason: unknown) => void) => reject('no Error') };
  expect(await failures(() => half)).toEqual(['no Error']);
  const broken = {
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
    get then(): never {
      throw new Error('a getter threw');
    },
  };
  expect(await failures(() => broken)).toEqual([new Error('a getter threw')]);
});

test.each([undefined, null, 1, 'then', {}, Promise.resolve(1)])(
  'nothing is told of a callback that returned %j',
  async (value) => {
    expect(await failures(() => value)).toEqual([]);
  },
);
