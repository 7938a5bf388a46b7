import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createContext } from '../context.ts';
import { type ActFlags, type Scope, scopeOf } from './act.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'surehop-act-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const begun = { run: 'r', event: 'begin', action: 'replay', queue: 'dead', selection: { filter: 'attempts > 1' } };
const ended = { ...begun, event: 'end' };

async function resumed(
  lines: readonly object[],
  flags: ActFlags & { readonly to?: string } = {},
): Promise<{ readonly scope: Scope; readonly notes: string }> {
  const audit = join(folder, 'audit');
  writeFileSync(audit, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const context = createContext({ stdin: Readable.from([]), stdout, stderr, env: {} }, new AbortController(), 'ada');
  const expected = { actions: ['replay', 'edit-and-replay'], queue: 'dead' } as const;
  const scope = await scopeOf(context, { audit, resume: 'r', ...flags }, expected);
  stderr.end();
  return { scope, notes: await text(stderr) };
}

test('a run is gone on with from its first beginning, within the bounds that it had last', async () => {
  const { scope, notes } = await resumed([
    { ...begun, at: '2026-01-02T03:00:00Z', options: { limit: 100, ratePerSecond: 50 } },
    { ...ended, at: '2026-01-02T03:05:00Z', options: {}, result: { done: 40 } },
    { ...begun, at: '2026-01-02T04:00:00Z', options: { limit: 60, ratePerSecond: 1, all: true } },
    { ...ended, at: '2026-01-02T04:05:00Z', options: {}, result: { done: 25 } },
    { ...begun, action: 'groups', at: '2026-01-02T05:00:00Z', options: { all: true } },
    { ...ended, action: 'groups', at: '2026-01-02T05:05:00Z', options: {}, result: { done: 7 } },
  ]);
  expect(scope).toMatchObject({
    selection: { filter: 'attempts > 1' },
    all: true,
    limit: 35,
    resume: { run: 'r', startedAt: Date.parse('2026-01-02T03:00:00Z') },
    isEdit: false,
    options: { ratePerSecond: 1 },
  });
  expect(notes).toBe('');
});

test('what a run that was killed has done is not known, and its limit counts anew', async () => {
  const { scope, notes } = await resumed([{ ...begun, at: '2026-01-02T03:00:00Z', options: { limit: 100 } }]);
  expect(scope.limit).toBe(100);
  expect(notes).toContain('how many of --limit 100 run r has done is not written down: it counts anew');
  const other = await resumed([{ ...begun, at: '2026-01-02T03:00:00Z', options: { limit: 100 } }], { limit: 3 });
  expect(other).toMatchObject({ scope: { limit: 3 }, notes: '' });
});

test.each([
  [{ options: { limit: 9 } }, {}, /done all that its --limit 9 allowed/],
  [{ options: { to: 'attic' } }, { to: 'orders' }, /sent messages to attic, and not to orders/],
  [{ options: {} }, { to: 'orders' }, /where each had failed, and not to orders/],
  [{ options: {}, action: 'groups' }, {}, /was a groups of dead, and not a replay of dead/],
])('%j is not gone on with as %j', async (line, flags, why) => {
  const first = { ...begun, at: '2026-01-02T03:00:00Z', ...line };
  await expect(resumed([first, { ...first, event: 'end', result: { done: 9 } }], flags)).rejects.toThrow(why);
});
