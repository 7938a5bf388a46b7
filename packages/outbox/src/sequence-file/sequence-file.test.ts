import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openSequenceFile } from './sequence-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'surehop-sequence-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function newFile(): string {
  files += 1;
  return join(folder, String(files));
}

describe('sequences', () => {
  test('go on in the file, and know which message had which number', async () => {
    const path = newFile();
    const before = openSequenceFile(path);
    const first = await Promise.all(['a', 'b', 'a'].map(async (id) => before.sequences.take('s', id)));
    before.close();
    using after = openSequenceFile(path);
    const later = await Promise.all(['b', 'c'].map(async (id) => after.sequences.take('s', id)));
    expect([...first, ...later].map(({ number }) => number)).toEqual([1, 2, 1, 2, 3]);
    expect(new Set([...first, ...later].map(({ run }) => run)).size).toBe(1);
    expect((await after.sequences.take('another', 'a')).number).toBe(1);
  });

  test('give back what was not used, from the end on', async () => {
    using file = openSequenceFile(newFile());
    const { sequences } = file;
    const numbers = async (...ids: string[]) =>
      (await Promise.all(ids.map(async (id) => sequences.take('s', id)))).map(({ number }) => number);
    expect(await numbers('a', 'b', 'c')).toEqual([1, 2, 3]);
    await sequences.notStored('s', 'b');
    await sequences.notStored('s', 'nobody');
    expect(await numbers('d', 'b')).toEqual([4, 2]);
    for (const id of ['c', 'd']) await sequences.notStored('s', id);
    expect(await numbers('e')).toEqual([3]);
  });

  test('say whether an id had its number before', async () => {
    using file = openSequenceFile(newFile());
    const { sequences } = file;
    const isNew = async (id: string) => (await sequences.take('s', id)).isNew;
    expect([await isNew('a'), await isNew('b'), await isNew('a')]).toEqual([true, true, false]);
    await sequences.notStored('s', 'a'); // not the last one: it stays with its id
    expect([await isNew('a'), await isNew('a')]).toEqual([true, false]);
  });

  test('know the last thousand ids of each', async () => {
    using file = openSequenceFile(newFile());
    const ids = Array.from({ length: 1_100 }, (_, index) => `m-${index + 1}`);
    await Promise.all(ids.map(async (id) => file.sequences.take('s', id)));
    const again = await Promise.all(['m-1100', 'm-101', 'm-100'].map(async (id) => file.sequences.take('s', id)));
    expect(again.map(({ number }) => number)).toEqual([1_100, 101, 1_101]);
  });

  test('of two who have the file open are not mixed up', async () => {
    const path = newFile();
    using one = openSequenceFile(path);
    using other = openSequenceFile(path);
    const numbers: number[] = [];
    for (const [index, { sequences }] of [one, other, one, other].entries()) {
      numbers.push((await sequences.take('s', `m-${index}`)).number);
    }
    expect(numbers).toEqual([1, 2, 3, 4]);
  });
});

test('positions stay, and never go back', async () => {
  const path = newFile();
  const before = openSequenceFile(path);
  expect(await before.positions.load('one')).toBeUndefined();
  await Promise.all([7, 3].map((position) => before.positions.save('one', position)));
  await expect(before.positions.save('one', 1.5)).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
  before.close();
  using after = openSequenceFile(path);
  expect(await after.positions.load('one')).toBe(7);
});

test('what is under way is written before it is closed, and nothing afterwards', async () => {
  const path = newFile();
  const file = openSequenceFile(path);
  const saving = file.positions.save('one', 7);
  file.close();
  file.close();
  await saving;
  await expect(file.positions.save('one', 8)).rejects.toMatchObject({ code: 'SUREHOP_STORE_UNAVAILABLE' });
});

test('a file of something else, and one that cannot be there, is refused', () => {
  const path = newFile();
  writeFileSync(path, 'a text of somebody else, longer than the head of a database file would be, by far '.repeat(3));
  for (const file of [path, join(folder, 'no', 'folder')]) {
    expect(() => openSequenceFile(file)).toThrow(expect.objectContaining({ code: 'SUREHOP_FILE_UNUSABLE' }));
  }
});
