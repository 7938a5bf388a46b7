import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { pagesOf } from './page.ts';
import { plotOf } from './plot.ts';
import { readNotes, readResults } from './results.ts';
import type { Summary } from './summary.ts';
import { tableOf, tableText } from './table.ts';
import { judge } from './targets.ts';
import { type Workload, workloads } from './workloads.ts';

const docs = new URL('../../docs/', import.meta.url);
const pages = pagesOf(readResults(), readNotes());
const workload = workloads.find(({ name }) => name === 'publish-100') as Workload;

function summary(library: string, rateRatio: number, cpuRatio: number, more: Partial<Summary> = {}): Summary {
  const spread = (median: number) => ({ median, min: median * 0.99, max: median * 1.01 });
  return {
    workload: 'publish-100',
    queueType: 'quorum',
    bodyBytes: 256,
    library,
    libraryVersion: '1.0.0',
    release: '4.3',
    machine: '2 cores',
    date: '2026-01-01',
    rounds: 5,
    spreads: {
      rate: spread(rateRatio * 20_000),
      rateRatio: spread(rateRatio),
      cpuUsPerMessage: spread(cpuRatio * 10),
      cpuRatio: spread(cpuRatio),
    },
    ...more,
  };
}

const failed = summary('rascal', 1, 1, {
  spreads: {},
  error: 'Error: no <confirm>\n    at somewhere',
  failedRounds: 5,
});
const all = [summary('amqplib', 1, 1), failed, summary('cloudamqp', 1.1, 0.8), summary('surehop', 1.2, 0.45)];

describe('what was kept', () => {
  test.each(Object.keys(pages))('docs/%s says it', (name) => {
    expect(readFileSync(new URL(name, docs), 'utf8')).toBe(pages[name]);
  });

  test('there is no plot of anything else', () => {
    const plots = readdirSync(docs, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /^performance\/./.test(name),
    );
    expect(plots.toSorted()).toEqual(
      Object.keys(pages)
        .filter((name) => name.endsWith('.svg'))
        .toSorted(),
    );
  });

  test('nothing of ours, and nothing of what it is compared to, has failed', () => {
    const failures = readResults().filter(
      ({ library, error }) => /amqplib|surehop/.test(library) && error !== undefined,
    );
    expect(failures).toEqual([]);
  });
});

test('a library that failed is in table, plot and page, with its error', () => {
  expect(tableText('', tableOf(workload, all), all)).toContain('rascal failed: Error: no <confirm>');
  expect(plotOf(workload, all)).toMatch(/rascal<\/text>\n<text [^>]*>failed/);
  const page = pagesOf(all, '# What was learnt')['performance.md'];
  expect(page).toContain('| rascal | failed |');
  expect(page).toContain('rascal failed: Error: no <confirm>');
  expect(page?.trimEnd().endsWith('## What was learnt')).toBe(true);
});

describe('targets', () => {
  const verdicts = (summaries: readonly Summary[]) =>
    judge(summaries).map(({ what, isMet, short }) => [what, isMet, short] as const);

  test('are met, or fall short by so much', () => {
    expect(verdicts(all).slice(0, 2)).toEqual([
      ['rate, of amqplib', true, undefined],
      ['client CPU, of amqplib', true, undefined],
    ]);
    const slower = [...all.slice(0, 3), summary('surehop', 0.9, 0.6)];
    expect(verdicts(slower).slice(0, 2)).toEqual([
      ['rate, of amqplib', false, '0.10'],
      ['client CPU, of amqplib', false, '0.10'],
    ]);
  });

  test('one that another library is ahead of says which', () => {
    const cheaper = [...all, summary('golevelup', 1.21, 0.4)];
    const [, , cpu, rate] = judge(cheaper);
    expect(cpu).toMatchObject({ what: 'client CPU', isMet: false, measured: 'behind golevelup' });
    expect(rate).toMatchObject({ what: 'rate', isMet: true }); // 1.21 is within the spread of 1.2
  });

  test('are judged neither on other queues and bodies, nor of what failed', () => {
    expect(judge(all.map((one) => ({ ...one, queueType: 'classic' as const })))).toEqual([]);
    expect(judge(all.map((one) => ({ ...one, bodyBytes: 4_096 })))).toEqual([]);
    const [rate] = judge([summary('amqplib', 1, 1), { ...failed, library: 'surehop' }]);
    expect(rate).toMatchObject({ measured: 'failed', isMet: undefined });
  });
});
