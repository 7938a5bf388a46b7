import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deathIn } from '../../examples/demo/dead-letter-reader.ts';
import { fateOf } from '../../examples/demo/fate.ts';
import { Faults, planFaults } from '../../examples/demo/faults.ts';
import { readEvents } from '../../examples/demo/input.ts';
import { Ledger } from '../../examples/demo/ledger.ts';
import { parseOptions, UsageError } from '../../examples/demo/options.ts';
import { lineOf } from '../../examples/demo/plain-view.ts';
import { ledgerLines, reportOf, summaryOf } from '../../examples/demo/report.ts';
import { sampleOrders } from '../../examples/demo/sample-orders.ts';

describe('the options', () => {
  test('are the shipped sample and seed 1 when none is given', () => {
    const options = parseOptions([], '/somewhere');
    expect(options).toMatchObject({ seed: 1, json: false, ledger: undefined, help: false });
    expect(options.input).toMatch(/sample\.ndjson$/);
  });

  test('take a file relative to where the command was called, and - for standard input', () => {
    expect(parseOptions(['events.ndjson', '--seed', '7'], '/some where')).toMatchObject({
      input: '/some where/events.ndjson',
      seed: 7,
    });
    expect(parseOptions(['-'], '/somewhere').input).toBe('-');
  });

  test.each([
    [['--sed', '1'], /Unknown option '--sed'/],
    [['--seed'], /--seed/],
    [['--seed', 'x'], /--seed must be a whole number of at least 0, got "x"/],
    [['--seed', '1.5'], /--seed must be/],
    [['--seed=-1'], /--seed must be/],
    [['--json=yes'], /--json/],
    [['a', 'b'], /one FILE/],
    [[''], /FILE must not be empty/],
  ])('%j is refused', (args, message) => {
    expect(() => parseOptions(args, '/')).toThrow(UsageError);
    expect(() => parseOptions(args, '/')).toThrow(message);
  });
});

describe('the input', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'surehop-demo-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is one event a line; what is no JSON object is told with its number', async () => {
    const path = join(folder, 'some events.ndjson');
    writeFileSync(path, '\uFEFF{"id":1}\r\n\n{"id":\n42\nnull\n[1]\n{"id":2}');
    const bad: [number, string][] = [];
    const { events, badLines } = await readEvents(path, (line, why) => bad.push([line, why]));
    expect(events).toEqual([
      { id: 'line-1', line: 1, body: { id: 1 } },
      { id: 'line-7', line: 7, body: { id: 2 } },
    ]);
    expect(badLines).toBe(4);
    expect(bad).toEqual([
      [3, expect.stringMatching(/^no JSON: /)],
      [4, 'no JSON object but a number'],
      [5, 'no JSON object but null'],
      [6, 'no JSON object but an array'],
    ]);
  });

  test.each(['missing.ndjson', '.'])('%s cannot be read', async (name) => {
    await expect(readEvents(join(folder, name), () => {})).rejects.toThrow(UsageError);
  });
});

test('the shipped sample is what sample-orders.ts prints', () => {
  const shipped = readFileSync(new URL('../../examples/demo/sample.ndjson', import.meta.url), 'utf8');
  expect(shipped).toBe([...sampleOrders(1_200)].map((order) => `${JSON.stringify(order)}\n`).join(''));
});

describe('the fate of an event', () => {
  const contents = [...sampleOrders(1_200)].map((order) => Buffer.from(JSON.stringify(order)));

  test('depends on the event and the seed only', () => {
    for (const content of contents) expect(fateOf(content, 3)).toEqual(fateOf(Buffer.from(content), 3));
    expect(contents.map((content) => fateOf(content, 1))).not.toEqual(contents.map((content) => fateOf(content, 2)));
  });

  test.each([1, 2, 3])('seed %i has every kind, and most events are fine', (seed) => {
    const kinds = Map.groupBy(contents, (content) => fateOf(content, seed).kind);
    expect([...kinds.keys()].toSorted()).toEqual(['broken', 'declined', 'fine', 'flaky']);
    expect(kinds.get('fine')?.length).toBeGreaterThan(1_000);
  });
});

describe('the faults', () => {
  test.each([1, 2, 3, 1_200])('strike midway of %i events, whatever the seed', (events) => {
    for (let seed = 0; seed < 100; seed += 1) {
      for (const count of Object.values(planFaults(events, seed))) {
        expect(count).toBeGreaterThanOrEqual(Math.max(1, Math.floor(events / 3)));
        expect(count).toBeLessThanOrEqual(Math.max(1, Math.ceil((2 * events) / 3)));
      }
    }
  });

  test('strike once each', () => {
    const struck: string[] = [];
    const actions = {
      cutConnections: () => void struck.push('cut'),
      killConsumer: async () => void struck.push('kill'),
    };
    const faults = new Faults({ cutAt: 2, killAt: 3 }, actions);
    for (let count = 0; count < 6; count += 1) faults.observe({ tried: count });
    expect(struck).toEqual(['cut', 'kill']);
    expect(faults.struck).toBe(true);
  });
});

describe('a dead letter', () => {
  test('says why it died', () => {
    const headers = {
      'surehop-attempt': 4,
      'surehop-reason': 'failed',
      'surehop-error-name': 'Error',
      'surehop-error-message': 'no luck',
    };
    expect(deathIn(headers)).toEqual({ reason: 'failed', error: 'Error: no luck', attempts: 4 });
  });

  test('that the broker laid aside says what the broker says', () => {
    expect(deathIn({ 'x-death': [{ reason: 'delivery_limit' }] })).toMatchObject({ reason: 'delivery_limit' });
    expect(deathIn({ 'surehop-attempt': 'x', 'x-death': 'nonsense' })).toMatchObject({
      reason: 'unknown',
      attempts: 0,
    });
  });
});

describe('the ledger', () => {
  const ledger = new Ledger();
  for (let line = 1; line <= 6; line += 1) ledger.publish(`line-${line}`, line);
  ledger.withdraw('line-6'); // refused before it was sent
  for (let line = 1; line <= 4; line += 1) ledger.confirm(`line-${line}`);
  ledger.handle('line-1', 1);
  ledger.fail('line-2', 1);
  ledger.handle('line-2', 2);
  ledger.handle('line-2', 2); // again: its acknowledgement was cut off
  ledger.fail('line-3', 1);
  ledger.bury('line-3', { reason: 'dead-letter', error: 'DeadLetter: no', attempts: 1 });
  ledger.fail('line-4', 1);
  const run = { ledger, brokerVersion: '4.3.6', seconds: 1.2345, finished: false };

  test('counts each event once, and its duplicates apart', () => {
    expect(ledger.counts()).toEqual({
      published: 5,
      confirmed: 4,
      handled: 2,
      retried: 1,
      deadLettered: 1,
      duplicates: 1,
      lost: 2,
      inRetry: 1,
    });
    expect([ledger.tried, ledger.confirmed, ledger.settled, ledger.size]).toEqual([4, 4, 3, 5]);
  });

  test('refuses what nobody published', () => {
    expect(() => ledger.confirm('line-99')).toThrow('the ledger has no event line-99');
  });

  test('is one JSON object in the end', () => {
    expect(JSON.stringify(summaryOf(run))).toBe(
      '{"published":5,"confirmed":4,"handled":2,"retried":1,"deadLettered":1,"duplicates":1,"lost":2,"brokerVersion":"4.3.6","seconds":1.23}',
    );
  });

  test('tells which were retried, why a dead letter died, and what is lost', () => {
    const report = reportOf(run, 1, 3);
    expect(report).toContain('given up by the handler (dead-letter), after 1 attempt: DeadLetter: no\n       3');
    expect(report).toContain('Retried, by line of the input:\n       2');
    expect(report).toContain('line 5: not confirmed, 0 failed attempts known');
    expect(report).toContain('lost 2');
    expect(report).toMatch(/left out +3 /);
  });

  test('can be written with one line per event', () => {
    const lines = ledgerLines(run).trimEnd().split('\n');
    const outcomes = lines.map((line) => JSON.parse(line).outcome);
    expect(outcomes).toEqual(['handled', 'handled', 'dead-lettered', 'lost', 'lost']);
  });

  test('is one line while the run goes on', () => {
    const progress = { ...ledger.counts(), total: 6, publisher: 'open', consumer: 'killed' };
    expect(lineOf(progress)).toBe(
      'published 5/6 | confirmed 4 | in retry 1 | handled 2 | dead-lettered 1 | connections: publisher open, consumer killed',
    );
  });
});
