import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assertSameTarget, ImportJournal, type ImportProgress } from './import-journal.ts';
import { ImportLines } from './import-lines.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'surehop-journal-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const progress: ImportProgress = {
  bytes: 10,
  sha256: 'a'.repeat(64),
  to: 'orders',
  lines: 2,
  imported: 1,
  damaged: 1,
  settledBehind: [7, 9],
  isFinished: false,
};

test('a journal has what was written last', async () => {
  const journal = new ImportJournal(join(folder, 'file'));
  expect(await journal.read()).toBeUndefined();
  await journal.write(progress);
  await journal.write({ ...progress, to: null, isFinished: true });
  expect(await journal.read()).toEqual({ ...progress, to: null, isFinished: true });
  // As a process leaves it that died while it wrote.
  writeFileSync(join(folder, 'file.progress.new'), '{"v":1,"by');
  expect(await journal.read()).toMatchObject({ isFinished: true });
});

test.each([
  '',
  '{',
  '[]',
  '{"v":2}',
  JSON.stringify({ v: 1, ...progress, sha256: 'x' }),
  JSON.stringify({ v: 1, ...progress, bytes: -1 }),
])('what is no journal is told: %s', async (text) => {
  writeFileSync(join(folder, 'file.progress'), text);
  await expect(new ImportJournal(join(folder, 'file')).read()).rejects.toMatchObject({
    code: 'SUREHOP_IMPORT_MISMATCH',
  });
});

test('an import goes on to the same target only', () => {
  assertSameTarget('file', progress, 'orders');
  for (const to of ['bills', undefined]) {
    expect(() => assertSameTarget('file', progress, to)).toThrow(/was begun before/);
  }
});

test('lines are read whole, wherever it went on, and only from the same beginning', async () => {
  const line = fc.string({ maxLength: 40 }).map((text) => text.replaceAll(/[\r\n]/g, ' '));
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 30 }), fc.boolean(), fc.nat(30), async (lines, isEnded, cut) => {
      const path = join(folder, 'lines');
      const text = lines.join('\n') + (isEnded && lines.length > 0 ? '\n' : '');
      writeFileSync(path, text);
      await using handle = await open(path, 'r');
      const first = new ImportLines(handle);
      const all = await readAll(first);
      const expected = text === '' ? [] : text.replace(/\n$/, '').split('\n');
      expect(all.map(({ bytes }) => bytes?.toString())).toEqual(expected);
      expect(all.map(({ number }) => number)).toEqual(expected.map((_, index) => index + 1));
      expect(first.position.bytes).toBe(Buffer.byteLength(text));

      const at = Math.min(cut, expected.length);
      const before = expected
        .slice(0, at)
        .map((one) => `${one}\n`)
        .join('');
      writeFileSync(join(folder, 'before'), before.slice(0, Buffer.byteLength(text)));
      await using half = await open(join(folder, 'before'), 'r');
      const beginning = new ImportLines(half);
      await readAll(beginning);
      const again = new ImportLines(handle);
      if (beginning.position.bytes > Buffer.byteLength(text)) return;
      expect(await again.skip(beginning.position)).toBe(true);
      expect((await readAll(again)).map(({ bytes }) => bytes?.toString())).toEqual(expected.slice(at));
      const part = new ImportLines(handle);
      const batch = await part.next();
      if (at <= batch.length) expect(await part.positionAfter(batch.slice(0, at))).toEqual(beginning.position);
      const other = { ...beginning.position, sha256: 'b'.repeat(64) };
      expect(await new ImportLines(handle).skip(other)).toBe(false);
    }),
    { numRuns: 60 },
  );
});

async function readAll(lines: ImportLines): Promise<Awaited<ReturnType<ImportLines['next']>>> {
  const all: Awaited<ReturnType<ImportLines['next']>> = [];
  for (let next = await lines.next(); next.length > 0; next = await lines.next()) all.push(...next);
  return all;
}
