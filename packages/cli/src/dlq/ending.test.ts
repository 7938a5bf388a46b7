import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { ActionReport } from '@surehop/dead-letters';
import { expect, test } from 'vitest';
import { createContext } from '../context.ts';
import { Output } from '../output.ts';
import type { Act, ActFlags } from './act.ts';
import { told } from './ending.ts';

const report: ActionReport = {
  run: 'r-1',
  startedAt: 0,
  looked: 50_000,
  matched: 50_000,
  done: 50_000,
  skipped: [],
  skippedCount: 0,
  isCancelled: false,
  isDryRun: false,
  more: true,
};
const all: Act<ActionReport>['scope'] = { selection: 'all', all: false, resume: undefined, options: {} };
const some: Act<ActionReport>['scope'] = { ...all, selection: { filter: 'attempts > 1' } };

interface Given {
  readonly act?: Partial<Act<ActionReport>>;
  readonly flags?: ActFlags;
  readonly report?: Partial<ActionReport>;
}

async function ended({ act = {}, flags = {}, report: given = {} }: Given): Promise<{ code: number; notes: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const context = createContext({ stdin: Readable.from([]), stdout, stderr, env: {} }, new AbortController(), 'ada');
  const perform = (): Promise<ActionReport> => Promise.reject(new Error('bug: it is over'));
  const whole = { verb: 'Act', done: 'acted on', queue: 'dead', scope: all, takesAway: true, perform, ...act };
  const code = await told(context, new Output(context, {}), flags, whole, { ...report, ...given });
  stderr.end();
  return { code, notes: await text(stderr) };
}

test.each<[string, Given, string]>([
  ['some, beyond what can be held', { act: { scope: some } }, '--all goes through all of them'],
  ['an export of all', { act: { takesAway: false } }, '--all goes through all of them'],
  ['a limit beyond what can be held', { act: { scope: some }, flags: { limit: 60_000 } }, '--all goes through all'],
  ['all, which ended early', {}, 'the same command again goes on with them'],
  ['a pass that ended early', { act: { scope: { ...some, all: true } } }, '--resume r-1 goes on with them'],
  ['a dry run of all', { report: { isDryRun: true } }, 'what is not a dry run goes through all of them'],
  ['a dry run of a pass', { act: { scope: { ...some, all: true } }, report: { isDryRun: true } }, 'not a dry run'],
])('%s: more may be left, which is told with the way on, and exits with 4', async (_what, given, way) => {
  const { code, notes } = await ended(given);
  expect(code).toBe(4);
  expect(notes).toContain('more lie behind the first 50,000; ');
  expect(notes).toContain(way);
  if (given.act?.scope?.all === true) expect(notes).not.toContain('--all');
});

test.each<[string, Given]>([
  ['nothing lies behind', { report: { more: false } }],
  ['it was to be no more', { flags: { limit: 50_000 } }],
  ['all ids were met', { act: { scope: { ...all, selection: { ids: ['m-1'] } } }, report: { matched: 1 } }],
])('%s: exits with 0', async (_what, given) => {
  const { code, notes } = await ended(given);
  expect({ code, isMore: notes.includes('more lie') }).toEqual({ code: 0, isMore: false });
});
