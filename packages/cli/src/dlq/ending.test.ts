import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { ActionReport } from '@surehop/dead-letters';
import { expect, test } from 'vitest';
import { createContext } from '../context.ts';
import { Output } from '../output.ts';
import type { Act, Scope } from './act.ts';
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
const all: Scope = {
  selection: 'all',
  all: false,
  limit: undefined,
  resume: undefined,
  isEdit: false,
  options: {},
};
const some: Scope = { ...all, selection: { filter: 'attempts > 1' } };
const pass: Scope = { ...some, all: true };

interface Given {
  readonly act?: Partial<Act<ActionReport>>;
  readonly report?: Partial<ActionReport>;
}

async function ended({ act = {}, report: given = {} }: Given): Promise<{ code: number; notes: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const context = createContext({ stdin: Readable.from([]), stdout, stderr, env: {} }, new AbortController(), 'ada');
  const perform = (): Promise<ActionReport> => Promise.reject(new Error('bug: it is over'));
  const whole = { verb: 'Act', done: 'acted on', queue: 'dead', scope: all, takesAway: true, perform, ...act };
  const code = await told(context, new Output(context, {}), whole, { ...report, ...given });
  stderr.end();
  return { code, notes: await text(stderr) };
}

test.each<[string, Given, string]>([
  ['some, beyond what can be held', { act: { scope: some } }, '--all goes through all of them'],
  ['an export of all', { act: { takesAway: false } }, '--all goes through all of them'],
  ['a limit beyond what can be held', { act: { scope: { ...some, limit: 60_000 } } }, '--all goes through all'],
  ['all, which ended early', {}, 'the same command again goes on with them'],
  ['a pass that ended early', { act: { scope: pass }, report: { done: 9 } }, '--resume r-1 goes on;'],
  ['a dry run of all', { report: { isDryRun: true } }, 'what is not a dry run goes through all of them'],
  ['a dry run of a pass', { act: { scope: pass }, report: { isDryRun: true } }, 'not a dry run'],
])('%s: more may be left, which is told with the way on, and exits with 4', async (_what, given, way) => {
  const { code, notes } = await ended(given);
  expect(code).toBe(4);
  expect(notes).toContain('more lie behind the first 50,000');
  expect(notes).toContain(way);
  if (given.act?.scope?.all === true) expect(notes).not.toContain('--all');
});

test.each<[string, Given]>([
  ['nothing lies behind', { report: { more: false } }],
  ['it was to be no more', { act: { scope: { ...all, limit: 50_000 } } }],
  ['all ids were met', { act: { scope: { ...all, selection: { ids: ['m-1'] } } }, report: { matched: 1 } }],
])('%s: exits with 0', async (_what, given) => {
  const { code, notes } = await ended(given);
  expect({ code, isMore: notes.includes('more lie') }).toEqual({ code: 0, isMore: false });
});

test.each<[string, Given, string]>([
  [
    'a limit',
    { act: { scope: { ...pass, limit: 9 } }, report: { matched: 9, done: 9 } },
    'r-1 with another --limit goes',
  ],
  ['a share that failed', { act: { scope: pass }, report: { done: 9 } }, '--resume r-1 goes on'],
  [
    'an export, which has moved what it is done with',
    { act: { scope: pass, takesAway: false } },
    '--resume r-1 goes on',
  ],
])('a pass that %s has ended says that the queue is turned, and what to do', async (_what, given, way) => {
  const { notes } = await ended(given);
  expect(notes).toContain('the pass has not gone round');
  expect(notes).toContain(way);
  expect(notes).toContain('surehop dlq groups dead --resume r-1 puts the order right');
});

test.each<[string, Given]>([
  ['went round', { act: { scope: pass }, report: { more: false } }],
  ['took away all that it saw', { act: { scope: pass } }],
  ['was none', { act: { scope: some } }],
])('a pass that %s has turned nothing', async (_what, given) => {
  expect((await ended(given)).notes).not.toContain('has not gone round');
});

test.each<[string, Partial<Act<ActionReport>>, string]>([
  ['a pass', { scope: pass }, '--resume with it goes on'],
  ['a replay', { resumedBy: '--resume with it goes on' }, '--resume with it goes on'],
  ['anything else', { scope: some }, 'begin it again to go on'],
])('%s that was stopped says how to go on', async (_what, act, hint) => {
  expect((await ended({ act, report: { isCancelled: true } })).notes).toContain(`run r-1; ${hint}\n`);
});
