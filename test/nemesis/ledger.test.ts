import { expect, test } from 'vitest';
import type { Report } from '../faults/history.ts';
import type { Incident } from './incident.ts';
import { type Findings, hasPassed, ledgerOf, neverRecovered } from './ledger.ts';
import { ledgerText } from './ledger-text.ts';
import { Pulse } from './pulse.ts';

const report: Report = {
  published: 1_000,
  resolved: 990,
  rejected: { notStored: 7, unknown: 3 },
  handled: 985,
  deadLettered: 5,
  lost: [],
  phantom: [],
  hung: [],
  duplicates: 12,
  stuck: [],
};

function findings(other: Partial<Findings> = {}): Findings {
  return {
    seed: 7,
    broker: 'RabbitMQ 4.3.6, 3 private nodes',
    report,
    settledAt: () => 1_250,
    failedLast: (id) => (id === '16' ? { at: 1_900, how: 'retry-later' } : undefined),
    evidenceOf: (ids) => ids.map((id) => `all about ${id}`),
    incidents: [],
    omissions: [],
    deadLetters: [],
    withheld: 0,
    wouldNotEnd: [],
    processes: [],
    rejections: new Map([['SUREHOP_PUBLISH_NOT_SENT', 7]]),
    failures: new Map(),
    unhandled: [],
    publishing: new Pulse(),
    handling: new Pulse(),
    excused: 0,
    loadBeganAt: 0,
    loadEndedAt: 2_000,
    tookMs: 5_000,
    ...other,
  };
}

test('a run in which nothing was found has passed, and tells its numbers', () => {
  const ledger = ledgerOf(findings());
  expect(hasPassed(ledger)).toBe(true);
  expect(ledger).toMatchObject({ published: 1_000, perSecond: 500, duplicates: 12, rejected: report.rejected });
  expect(ledgerText(ledger)).toContain('nemesis: passed');
});

test.each<[string, Partial<Findings>, string]>([
  ['lost', { report: { ...report, lost: ['17'] } }, '17, promised at 1.3 s, never in a handler'],
  ['lost', { report: { ...report, lost: ['16'] } }, '16, promised at 1.3 s, failed at 1.9 s (retry-later)'],
  ['phantom', { report: { ...report, phantom: ['18'] } }, '18'],
  ['hung', { report: { ...report, hung: ['19'] } }, '19'],
  ['stuck', { report: { ...report, stuck: [{ id: '20', queue: 'orders' }] } }, '20 in orders'],
  ['wouldNotEnd', { wouldNotEnd: ['consumer-1'] }, 'consumer-1'],
  ['unhandled', { unhandled: ['publisher-1: Error'] }, 'publisher-1: Error'],
])('%s is a violation, with an example', (name, found, example) => {
  const ledger = ledgerOf(findings(found));
  expect(hasPassed(ledger)).toBe(false);
  expect(ledger.violations).toMatchObject({ [name]: { count: 1, examples: [example] } });
  expect(ledgerText(ledger)).toContain(example);
});

test('of three of each kind, all that is known is told as well', () => {
  const lost = ['1', '2', '3', '4'];
  const ledger = ledgerOf(findings({ report: { ...report, lost, hung: ['3', '5'] } }));
  expect(ledger.evidence).toEqual(['1', '2', '3', '5'].map((id) => `all about ${id}`));
  expect(ledgerText(ledger)).toContain('all about 5');
  expect(ledgerOf(findings()).evidence).toEqual([]);
});

test('what the broker withholds is stuck, and not lost', () => {
  const { violations } = ledgerOf(findings({ report: { ...report, lost: ['1', '2', '3'] }, withheld: 2 }));
  expect(violations.lost.count).toBe(1);
  expect(violations.stuck.count).toBe(2);
});

test('a dead letter that its handler never asked for is a violation', () => {
  const deadLetters = [
    { id: '1', does: 'dead letter', reason: 'dead-letter', isMeant: true, strandedAt: undefined },
    { id: '2', does: 'work', reason: 'delivery-limit', isMeant: false, strandedAt: undefined },
  ] as const;
  const ledger = ledgerOf(findings({ deadLetters }));
  expect(ledger.deadLettered).toEqual({ 'dead-letter': 1, 'delivery-limit': 1 });
  expect(ledger.violations.wronglyDead.examples).toEqual(['2 (work): delivery-limit']);
});

test('a retry that was stranded as its exchange was made again is none; before and long after it is', () => {
  const stranded = { does: 'fail once', reason: 'expired', isMeant: false } as const;
  const deadLetters = [
    { ...stranded, id: 'before', strandedAt: 98_000 },
    { ...stranded, id: 'meanwhile', strandedAt: 105_000 },
    { ...stranded, id: 'long after', strandedAt: 120_000 },
  ];
  const incidents: Incident[] = [{ name: 'retry-exchange-deleted', beganAt: 100_000, healedAt: 100_100, struck: [] }];
  const { violations } = ledgerOf(findings({ deadLetters, incidents }));
  expect(violations.wronglyDead.examples).toEqual(['before (fail once): expired', 'long after (fail once): expired']);
  expect(ledgerOf(findings({ deadLetters })).violations.wronglyDead.count).toBe(3);
});

test('recovery is counted from the end of a fault, and as a pause where service should go on', () => {
  const pulse = pulseOf(1_000, 2_000, 9_000, 10_000);
  const consumer = { name: 'consumer-1', role: 'consumer', starts: 1, peakBytes: 1, pulse } as const;
  const struck = ['consumer-1'];
  const incidents: Incident[] = [
    { name: 'black-hole', beganAt: 2_000, healedAt: 8_000, struck },
    { name: 'node-killed', beganAt: 1_500, healedAt: 8_000, struck },
  ];
  const { faults } = ledgerOf(findings({ processes: [consumer], incidents, loadEndedAt: 10_000 }));
  const worst = new Map(faults.map(({ name, handle }) => [name, handle?.worstMs]));
  expect(worst.get('black-hole')).toBeGreaterThanOrEqual(1_000);
  expect(worst.get('black-hole')).toBeLessThan(1_100);
  expect(worst.get('node-killed')).toBe(7_000);
});

test('who did nothing after the last fault that struck it has not recovered', () => {
  const process = { role: 'consumer', starts: 1, peakBytes: 1 } as const;
  const [back, away, spared] = [
    { ...process, name: 'back', pulse: pulseOf(9_000) },
    { ...process, name: 'away', pulse: pulseOf(4_000) },
    { ...process, name: 'spared', pulse: new Pulse() },
  ];
  const incidents: Incident[] = [
    { name: 'black-hole', beganAt: 5_000, healedAt: 8_000, struck: ['back', 'away'] },
    { name: 'slow-network', beganAt: 1_000, healedAt: 2_000, struck: ['back', 'away'] },
  ];
  expect(neverRecovered(incidents, [back, away, spared])).toEqual(['away after black-hole']);
});

/** Something that began at each of these moments, and was finished at once. */
function pulseOf(...moments: readonly number[]): Pulse {
  const pulse = new Pulse();
  for (const moment of moments) pulse.beat(moment, moment);
  return pulse;
}
