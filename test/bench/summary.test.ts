import { expect, test } from 'vitest';
import { fromLine, toLine } from './json-lines.ts';
import { type Round, type Subject, summarize } from './summary.ts';

const subject: Subject = {
  workload: 'publish-100',
  queueType: 'quorum',
  bodyBytes: 256,
  library: 'surehop',
  libraryVersion: '0.1.0',
  release: '4.3',
  machine: '2 cores',
  date: '2026-01-01',
};

function rounds(...rates: readonly number[]): Round[] {
  return rates.map((rate) => ({ sample: { rate, cpuUsPerMessage: 1_000 / rate } }));
}

test('a ratio is to the same round, not to the median of all', () => {
  // The machine was twice as fast in the second round: for both.
  const { spreads } = summarize(subject, rounds(100, 200, 150), rounds(100, 200, 100));
  expect(spreads.rate).toEqual({ median: 150, min: 100, max: 200 });
  expect(spreads.rateRatio).toEqual({ median: 1, min: 1, max: 1.5 });
  expect(spreads.cpuRatio?.max).toBeCloseTo(1);
});

test('a round that failed is told, and the figures are of the others', () => {
  const own: Round[] = [...rounds(100), { error: 'channel closed' }];
  const summary = summarize(subject, own, rounds(50, 50));
  expect(summary).toMatchObject({ rounds: 2, failedRounds: 1, error: 'channel closed' });
  expect(summary.spreads.rateRatio?.median).toBe(2);
});

test('where the reference failed there is no ratio to that round', () => {
  const { spreads } = summarize(subject, rounds(100, 100), [{ error: 'gone' }, ...rounds(50)]);
  expect(spreads.rateRatio).toEqual({ median: 2, min: 2, max: 2 });
  expect(summarize(subject, rounds(100), []).spreads.rateRatio).toBeUndefined();
});

test('a line has the median under the name of its figure, its ends beside it, and can be read again', () => {
  const summary = summarize(subject, rounds(100, 200), rounds(100, 100));
  const line = toLine(summary);
  expect(JSON.parse(line)).toMatchObject({
    workload: 'publish-100',
    queueType: 'quorum',
    bodyBytes: 256,
    library: 'surehop',
    rate: 150,
    rateMin: 100,
    rateMax: 200,
    rateRatio: 1.5,
    rateRatioMin: 1,
    cpuRatioMax: 1,
    cpuUsPerMessage: 7.5,
  });
  expect(fromLine(line)).toEqual(summary);
});
