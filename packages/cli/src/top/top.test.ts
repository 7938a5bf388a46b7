import { PassThrough } from 'node:stream';
import { waitingTopology } from '@surehop/core/internal';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { createContext } from '../context.ts';
import type { QueueView } from '../management-views.ts';
import { RateWindow } from './rates.ts';
import { type Row, rowsOf } from './rows.ts';
import { Screen } from './screen.ts';
import { tableLines } from './table.ts';

const view = (name: string, more: Partial<QueueView> = {}): QueueView => ({
  name,
  durable: true,
  auto_delete: false,
  ...more,
});
const counted = (publish: number, ack: number, name = 'orders'): QueueView[] => [
  view(name, { message_stats: { publish, ack } }),
];
const plain = (_format: unknown, text: string): string => text;

describe('rates', () => {
  test('are differences of counters over time', () => {
    const rates = new RateWindow();
    rates.add(0, counted(100, 40));
    expect(rates.of('orders')).toEqual({ inPerSecond: undefined, outPerSecond: undefined });
    rates.add(2_000, counted(120, 50));
    expect(rates.of('orders')).toEqual({ inPerSecond: 10, outPerSecond: 5 });
  });

  test('are taken over ten seconds, however often it is looked: the broker counts in steps of five', () => {
    const rates = new RateWindow();
    const seen: number[] = [];
    for (let at = 0; at <= 60_000; at += 2_000) {
      rates.add(at, counted(Math.floor(at / 5_000) * 500, 0));
      if (at >= 12_000) seen.push(rates.of('orders').inPerSecond ?? 0);
    }
    expect(Math.min(...seen)).toBeGreaterThan(70);
    expect(Math.max(...seen)).toBeLessThan(130);
  });

  test('forget what is long ago', () => {
    const rates = new RateWindow();
    rates.add(0, counted(0, 0));
    for (const at of [60_000, 65_000, 70_000, 75_000, 80_000]) rates.add(at, counted(1_000, 0));
    expect(rates.of('orders').inPerSecond).toBe(0);
  });

  test('are not known without counters, nor across a queue that was made anew', () => {
    const rates = new RateWindow();
    rates.add(0, [view('orders')]);
    rates.add(1_000, counted(10, 10));
    expect(rates.of('orders').inPerSecond).toBeUndefined();
    rates.add(2_000, counted(5, 5));
    expect(rates.of('orders').inPerSecond).toBeUndefined();
    rates.add(3_000, counted(7, 5));
    expect(rates.of('orders')).toEqual({ inPerSecond: 2, outPerSecond: 0 });
    expect(rates.of('nowhere').inPerSecond).toBeUndefined();
  });

  test('count what is consumed without acknowledgements', () => {
    const rates = new RateWindow();
    rates.add(0, [view('orders', { message_stats: { ack: 1 } })]);
    rates.add(1_000, [view('orders', { message_stats: { ack: 2, deliver_no_ack: 3, get_no_ack: 4 } })]);
    expect(rates.of('orders').outPerSecond).toBe(8);
  });
});

describe('rows', () => {
  const rows = (queues: readonly QueueView[], only?: readonly string[]): Row[] =>
    rowsOf(queues, new RateWindow(), only);

  test('put a work queue and what stands around it together', () => {
    const queues = [
      view('orders.dead-letter', { messages: 4 }),
      view('orders.retry.10000', { messages: 2 }),
      view('orders.retry.500', { messages: 1 }),
      view('orders', { messages_ready: 3, messages_unacknowledged: 5, consumers: 1, state: 'running' }),
      view('alone', { messages_ready: 0 }),
    ];
    expect(rows(queues)).toMatchObject([
      { queue: 'alone', retrying: 0, deadLetters: undefined, trouble: undefined },
      {
        queue: 'orders',
        ready: 3,
        unacknowledged: 5,
        consumers: 1,
        retrying: 3,
        rungs: [
          { delayMs: 500, messages: 1 },
          { delayMs: 10_000, messages: 2 },
        ],
        deadLetters: 4,
        trouble: undefined,
      },
    ]);
    expect(rows(queues, ['orders'])).toHaveLength(1);
  });

  test('have what waits in order, where there is a queue for it; one that is only called so is a work queue', () => {
    const [ordered] = waitingTopology('orders').queues;
    const waiting = { messages: 7, consumers: 1 };
    expect(rows([view('orders'), view('orders.waiting', { ...ordered, ...waiting })])).toMatchObject([
      { queue: 'orders', waiting, trouble: undefined },
    ]);
    expect(rows([view('orders'), view('orders.waiting')])).toMatchObject([
      { queue: 'orders', waiting: undefined },
      { queue: 'orders.waiting', waiting: undefined, trouble: undefined },
    ]);
  });

  test('say what is not known, and not that it is nothing', () => {
    expect(rows([view('orders.retry.500'), view('orders.retry.600', { messages: 1 })])).toMatchObject([
      { queue: 'orders', ready: undefined, retrying: undefined, trouble: 'missing' },
    ]);
    expect(rows([view('orders', { state: 'minority' })])).toMatchObject([{ trouble: 'minority' }]);
  });
});

describe('the table', () => {
  const row = (queue: string, more: Partial<Row> = {}): Row => ({
    queue,
    ready: 0,
    unacknowledged: 0,
    consumers: 0,
    retrying: 0,
    rungs: [],
    waiting: undefined,
    deadLetters: 0,
    trouble: undefined,
    inPerSecond: undefined,
    outPerSecond: undefined,
    ...more,
  });

  test('shows figures below their titles', () => {
    const rungs = [
      { delayMs: 1_000, messages: 3 },
      { delayMs: 60_000, messages: 0 },
      { delayMs: 120_000, messages: undefined },
    ];
    const busy = row('orders', {
      ready: 12_345,
      inPerSecond: 1.26,
      outPerSecond: 99.7,
      retrying: 3,
      rungs,
      deadLetters: undefined,
    });
    expect(tableLines([busy, row('b')], { columns: undefined, height: undefined, paint: plain })).toEqual([
      'QUEUE    READY  IN HAND  IN/s  OUT/s  RETRY  DEAD  CONS  RUNGS',
      'orders  12,345        0   1.3    100      3     -     0  1s 3, 2m -',
      'b            0        0     -      -      0     0     0',
    ]);
  });

  test('has a column for what waits in order only where something can; marks it where nobody takes it', () => {
    const paint = (format: unknown, text: string): string => (format === 'yellow' ? `${text}!` : text);
    const stuck = row('orders', { waiting: { messages: 12, consumers: 0 } });
    const well = row('steps', { waiting: { messages: 3, consumers: 1 }, deadLetters: 4 });
    const unused = row('idle', { waiting: { messages: 0, consumers: 0 } });
    expect(tableLines([stuck, well, unused, row('b')], { columns: undefined, height: undefined, paint })).toEqual([
      'QUEUE   READY  IN HAND  IN/s  OUT/s  RETRY  WAIT  DEAD  CONS',
      'orders      0        0     -      -      0    12!     0     0',
      'steps       0        0     -      -      0     3     4     0',
      'idle        0        0     -      -      0     0     0     0',
      'b           0        0     -      -      0           0     0',
    ]);
  });

  test('is never wider or higher than the terminal', () => {
    const rowArbitrary = fc.record({
      name: fc.string({ maxLength: 90 }),
      ready: fc.nat(),
      rungs: fc.array(fc.nat(), { maxLength: 9 }),
      waiting: fc.option(fc.record({ messages: fc.nat(100_000), consumers: fc.nat() }), { nil: undefined }),
    });
    fc.assert(
      fc.property(
        fc.array(rowArbitrary, { maxLength: 9 }),
        fc.integer({ min: 80, max: 200 }),
        fc.integer({ min: 1, max: 10 }),
        (given, columns, height) => {
          const rows = given.map(({ name, ready, rungs, waiting }) =>
            row(name, { ready, waiting, rungs: rungs.map((messages) => ({ delayMs: 1_000, messages })) }),
          );
          const lines = tableLines(rows, { columns, height, paint: plain });
          expect(lines.length).toBeLessThanOrEqual(height + 1);
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });

  test('says how many rows did not fit, and lets no name move the cursor', () => {
    const lines = tableLines(
      ['a\u001b[2J', 'b', 'c'].map((name) => row(name)),
      { columns: 80, height: 2, paint: plain },
    );
    expect(lines[1]).toMatch(/^a\\u001b\[2J/);
    expect(lines.at(-1)).toBe('and 2 more: name the queues to see only them');
  });

  test('marks dead letters, and messages that nobody takes', () => {
    const paint = (format: unknown, text: string): string => `<${String(format)} ${text.trim()}>`;
    const [, line] = tableLines([row('a', { ready: 3, deadLetters: 7 })], { columns: 200, height: 9, paint });
    expect(line).toContain('<yellow 3>');
    expect(line).toContain('<red 7>');
    expect(line).toContain('<yellow 0>');
  });
});

describe('the screen', () => {
  const opened = () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: vi.fn() });
    const stdout = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true, columns: 20, rows: 3 });
    const terminal = { stdin, stdout, stderr: new PassThrough(), env: {} };
    const context = createContext(terminal, new AbortController(), 'ada');
    const events = { onResize: vi.fn(), onQuit: vi.fn() };
    return { stdin, stdout, events, screen: new Screen(context, events), written: () => String(stdout.read() ?? '') };
  };

  test('draws over what it drew, and no more than fits', () => {
    const { screen, written } = opened();
    screen.draw(['1', '2', '3', '4']);
    expect(written()).toBe('\u001b[?1049h\u001b[?25l\u001b[H1\u001b[K\r\n2\u001b[K\r\n3\u001b[K\u001b[J');
    screen[Symbol.dispose]();
  });

  test('gives the terminal back as it was', () => {
    const { screen, stdin, stdout, written } = opened();
    written();
    const listeners = process.listenerCount('exit');
    screen[Symbol.dispose]();
    expect(written()).toBe('\u001b[?25h\u001b[?1049l');
    expect(stdin.setRawMode.mock.calls).toEqual([[true], [false]]);
    expect([stdin.listenerCount('data'), stdout.listenerCount('resize'), process.listenerCount('exit')]).toEqual([
      0,
      0,
      listeners - 1,
    ]);
  });

  test('hears q, Ctrl-C and a new size', () => {
    const { screen, stdin, stdout, events } = opened();
    stdin.emit('data', Buffer.from('x'));
    stdin.emit('data', Buffer.from('q'));
    stdin.emit('data', Buffer.from('\u0003'));
    stdout.emit('resize');
    expect(events.onQuit.mock.calls).toEqual([[false], [true]]);
    expect(events.onResize).toHaveBeenCalledOnce();
    screen[Symbol.dispose]();
  });
});
